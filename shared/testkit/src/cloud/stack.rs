//! Deploying templates by CloudFormation, as an operator would.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};

use super::api::{Api, ApiError};
use super::error::CloudError;
use super::package::Zip;

const VERSION: &str = "2010-05-15";
const BUCKET: &str = "steward-artifacts";

/// The longest template that a call takes, in bytes (AWS CloudFormation user guide, quotas, "Template
/// body size in a request"). A longer one is read from S3.
const LONGEST_BODY: usize = 51_200;

/// A stack with the three functions takes two seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// The outputs of a stack.
pub type Outputs = BTreeMap<String, String>;

/// Uploads the functions' zips and gives back the template with their S3 addresses in the place of
/// the local files: what `aws cloudformation package` does.
pub(crate) async fn package(
    api: &Api,
    template: &Path,
    zips: &[Zip],
) -> Result<String, CloudError> {
    let mut text = read(template)?;
    let bucket = format!(
        "<CreateBucketConfiguration><LocationConstraint>{}</LocationConstraint></CreateBucketConfiguration>",
        api.region()
    );
    api.put_object(&format!("/{BUCKET}"), bucket.into()).await?;
    for zip in zips {
        let local = format!("CodeUri: ../target/lambda/{}.zip", zip.function);
        if !text.contains(&local) {
            return Err(CloudError::Template {
                path: template.to_owned(),
                problem: format!("no line `{local}` for the function {}", zip.function),
            });
        }
        let content = std::fs::read(&zip.path).map_err(|source| CloudError::File {
            what: "cannot read",
            path: zip.path.clone(),
            source,
        })?;
        let key = format!("{}.zip", zip.function);
        api.put_object(&format!("/{BUCKET}/{key}"), content.into())
            .await?;
        text = text.replace(&local, &format!("CodeUri: s3://{BUCKET}/{key}"));
    }
    Ok(text)
}

pub(crate) fn read(template: &Path) -> Result<String, CloudError> {
    std::fs::read_to_string(template).map_err(|source| CloudError::File {
        what: "cannot read",
        path: template.to_owned(),
        source,
    })
}

/// Creates a stack and waits for it.
pub(crate) async fn create(
    api: &Api,
    stack: &str,
    template: &str,
    parameters: &[(&str, String)],
) -> Result<Outputs, CloudError> {
    let mut query = vec![
        ("StackName".to_owned(), stack.to_owned()),
        given(api, stack, template).await?,
        (
            "Capabilities.member.1".to_owned(),
            "CAPABILITY_NAMED_IAM".to_owned(),
        ),
        (
            "Capabilities.member.2".to_owned(),
            "CAPABILITY_AUTO_EXPAND".to_owned(),
        ),
    ];
    for (index, (name, value)) in (1..).zip(parameters) {
        query.push((
            format!("Parameters.member.{index}.ParameterKey"),
            (*name).to_owned(),
        ));
        query.push((
            format!("Parameters.member.{index}.ParameterValue"),
            value.clone(),
        ));
    }
    let query: Vec<(&str, &str)> = query
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    api.query("cloudformation", VERSION, "CreateStack", &query)
        .await?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let description = api
            .query(
                "cloudformation",
                VERSION,
                "DescribeStacks",
                &[("StackName", stack)],
            )
            .await?;
        let (status, outputs) = parse_description(&description)?;
        if status == "CREATE_COMPLETE" {
            return Ok(outputs);
        }
        if !status.ends_with("_IN_PROGRESS") || Instant::now() >= deadline {
            return Err(CloudError::Stack {
                stack: stack.to_owned(),
                status,
                reason: first_failure(api, stack).await,
            });
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The template as `CreateStack` takes it: as it is, or by its address where it is too long for that.
async fn given(api: &Api, stack: &str, template: &str) -> Result<(String, String), CloudError> {
    if template.len() <= LONGEST_BODY {
        return Ok(("TemplateBody".to_owned(), template.to_owned()));
    }
    let path = format!("/{BUCKET}/{stack}.yaml");
    api.put_object(&path, template.to_owned().into()).await?;
    let address = format!("https://s3.{}.amazonaws.com{path}", api.region());
    Ok(("TemplateURL".to_owned(), address))
}

fn parse_description(xml: &str) -> Result<(String, Outputs), CloudError> {
    let unreadable = |problem: String| ApiError::Answer {
        what: "DescribeStacks".to_owned(),
        problem,
    };
    let document =
        roxmltree::Document::parse(xml).map_err(|error| unreadable(error.to_string()))?;
    let text = |node: roxmltree::Node<'_, '_>, name: &str| {
        node.descendants()
            .find(|found| found.has_tag_name_any(name))
            .and_then(|found| found.text())
            .map(str::to_owned)
    };
    let status = text(document.root_element(), "StackStatus")
        .ok_or_else(|| unreadable("it has no StackStatus".to_owned()))?;
    let outputs = document
        .descendants()
        .filter(|node| node.has_tag_name_any("member"))
        .filter_map(|node| Some((text(node, "OutputKey")?, text(node, "OutputValue")?)))
        .collect();
    Ok((status, outputs))
}

/// Tag names without regard to the namespace, which the emulator sets on some answers only.
trait TagName {
    fn has_tag_name_any(&self, name: &str) -> bool;
}

impl TagName for roxmltree::Node<'_, '_> {
    fn has_tag_name_any(&self, name: &str) -> bool {
        self.is_element() && self.tag_name().name() == name
    }
}

/// What CloudFormation says about the first resource that failed.
async fn first_failure(api: &Api, stack: &str) -> String {
    const UNKNOWN: &str = "it gives no reason";
    let events = api
        .query(
            "cloudformation",
            VERSION,
            "DescribeStackEvents",
            &[("StackName", stack)],
        )
        .await;
    let Ok(events) = events else {
        return UNKNOWN.to_owned();
    };
    let Ok(document) = roxmltree::Document::parse(&events) else {
        return UNKNOWN.to_owned();
    };
    let child = |node: roxmltree::Node<'_, '_>, name: &str| {
        node.children()
            .find(|found| found.has_tag_name_any(name))
            .and_then(|found| found.text())
            .unwrap_or_default()
            .to_owned()
    };
    document
        .descendants()
        .filter(|node| node.has_tag_name_any("member"))
        // Newest first, so the first failure is the last.
        .rfind(|node| child(*node, "ResourceStatus").ends_with("_FAILED"))
        .map_or_else(
            || UNKNOWN.to_owned(),
            |node| {
                format!(
                    "{}: {}",
                    child(node, "LogicalResourceId"),
                    child(node, "ResourceStatusReason")
                )
            },
        )
}

/// Gives the event source mappings a number for their concurrency again.
///
/// CloudFormation's parameters are text. AWS turns them into what a property wants; the emulator
/// keeps the text in this one and then cannot compare it.
pub(crate) async fn mend_event_sources(api: &Api) -> Result<(), CloudError> {
    const PATH: &str = "/2015-03-31/event-source-mappings";
    let list = api.rest("lambda", Method::GET, PATH, None).await?;
    let mappings = list["EventSourceMappings"].as_array().into_iter().flatten();
    for mapping in mappings {
        let Some(id) = mapping["UUID"].as_str() else {
            continue;
        };
        let Some(most) = number(&mapping["ScalingConfig"]["MaximumConcurrency"]) else {
            continue;
        };
        let input = json!({ "ScalingConfig": { "MaximumConcurrency": most } });
        api.rest("lambda", Method::PUT, &format!("{PATH}/{id}"), Some(&input))
            .await?;
    }
    Ok(())
}

fn number(value: &Value) -> Option<u64> {
    value
        .as_u64()
        .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_gives_status_and_outputs() {
        let xml = r#"<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
            <DescribeStacksResult><Stacks><member><StackName>s</StackName>
            <StackStatus>CREATE_COMPLETE</StackStatus>
            <Outputs><member><OutputKey>A</OutputKey><OutputValue>x&amp;y</OutputValue></member>
            <member><OutputKey>B</OutputKey><OutputValue>z</OutputValue></member></Outputs>
            </member></Stacks></DescribeStacksResult></DescribeStacksResponse>"#;
        let (status, outputs) = parse_description(xml).unwrap();
        assert_eq!(status, "CREATE_COMPLETE");
        assert_eq!(outputs.get("B").map(String::as_str), Some("z"));
    }

    #[test]
    fn an_answer_that_is_not_a_description_is_an_error() {
        assert!(parse_description("<a/>").is_err());
        assert!(parse_description("no xml").is_err());
    }
}
