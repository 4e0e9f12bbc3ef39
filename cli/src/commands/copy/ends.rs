//! The two ends of a copy: which registry is spoken to how and as whom, and which image is meant.

use std::collections::BTreeSet;

use steward_core::{Reference, RegistryHost, Tag};
use steward_registry::{Descriptor, Layout};

use super::CopyFailure;
use crate::access::Access;
use crate::cli::ANY_REMOTE;
use crate::error::CliError;
use crate::place::Place;

/// Where the tag of an image stands in an OCI layout (OCI image specification, `annotations.md`).
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The image to read.
pub(super) struct From {
    pub(super) place: steward_registry::Place,
    pub(super) reference: Reference,
}

/// Where to write it.
pub(super) struct To {
    pub(super) place: steward_registry::Place,
    pub(super) tag: Option<Tag>,
    /// The target with the tag that it gets.
    pub(super) name: String,
}

/// Opens both ends; a registry is not asked anything yet.
pub(super) async fn open(
    source: &Place,
    target: &Place,
    access: &Access,
) -> Result<(From, To), CliError> {
    if target.digest().is_some() {
        return Err(CliError::Usage {
            message: format!("TARGET {target} names a digest"),
            remedy: "leave the digest out of TARGET: it is that of SOURCE".into(),
        });
    }
    let failed =
        |error| CopyFailure::new(source, target, steward_registry::CopyError::Source(error));
    let (from, source_tag) = match source {
        Place::Registry(image) => {
            let reference = image.reference().ok_or_else(|| CliError::Usage {
                message: format!("SOURCE {source} names neither a tag nor a digest"),
                remedy: format!("say which image is meant, for example {source}:latest"),
            })?;
            let repository = access
                .client(&image.repository)
                .and_then(|client| client.repository_of(image));
            let place = repository.map_err(failed)?.into();
            (From { place, reference }, image.tag.clone())
        }
        Place::Layout(layout) => {
            let folder = Layout::open(&layout.path).await.map_err(failed)?;
            let (reference, tag) = match &layout.reference {
                Some(reference) => (reference.clone(), reference.tag().cloned()),
                None => {
                    let only = folder.only_image().await.map_err(failed)?;
                    let tag = tag_in(&folder.images().await.map_err(failed)?, &only);
                    (only, tag)
                }
            };
            (
                From {
                    place: folder.into(),
                    reference,
                },
                tag,
            )
        }
    };
    let failed =
        |error| CopyFailure::new(source, target, steward_registry::CopyError::Target(error));
    let tag = target.tag().cloned().or(source_tag);
    let place: steward_registry::Place = match target {
        Place::Registry(image) => {
            let repository = access
                .client(&image.repository)
                .and_then(|client| client.repository_of(image));
            repository.map_err(failed)?.into()
        }
        Place::Layout(layout) => Layout::create(&layout.path).await.map_err(failed)?.into(),
    };
    let name = match &tag {
        Some(tag) if target.tag().is_none() => format!("{target}:{tag}"),
        _ => target.to_string(),
    };
    Ok((from, To { place, tag, name }))
}

/// The tag under which a folder's index has an image. Some tools write the whole image name.
fn tag_in(images: &[Descriptor], reference: &Reference) -> Option<Tag> {
    let image = images
        .iter()
        .find(|image| Some(&image.digest) == reference.digest())?;
    let name = image.annotations.get(REF_NAME)?;
    let tag = name.rsplit_once(':').map_or(name.as_str(), |(_, tag)| tag);
    tag.parse().ok()
}

/// The registries that `--insecure` means, of all that the command speaks to.
pub(super) fn insecure_hosts<'a>(
    named: &[String],
    places: impl IntoIterator<Item = &'a Place>,
) -> Result<Vec<RegistryHost>, CliError> {
    let all: BTreeSet<&RegistryHost> = places.into_iter().filter_map(Place::registry).collect();
    let remote: Vec<&RegistryHost> = all
        .iter()
        .copied()
        .filter(|host| !host.is_loopback() && host.ecr().is_none())
        .collect();
    let mut hosts = Vec::new();
    for name in named {
        if name == ANY_REMOTE {
            match remote.as_slice() {
                [] => {}
                [host] => hosts.push((*host).clone()),
                [first, second, ..] => {
                    return Err(CliError::Usage {
                        message: "--insecure could mean more than one registry".into(),
                        remedy: format!("write --insecure={first} or --insecure={second}"),
                    });
                }
            }
            continue;
        }
        match all.iter().find(|host| host.as_str() == name) {
            Some(host) if host.ecr().is_some() => {
                return Err(CliError::Usage {
                    message: format!("--insecure={name} names an ECR registry"),
                    remedy: "leave it out: ECR is only spoken to over HTTPS".into(),
                });
            }
            Some(host) => hosts.push((*host).clone()),
            None => {
                return Err(CliError::Usage {
                    message: format!("--insecure={name} is the registry of neither side"),
                    remedy: "write the registry as SOURCE or TARGET has it, with its port".into(),
                });
            }
        }
    }
    Ok(hosts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insecure(named: &[&str], source: &str, target: &str) -> String {
        let named: Vec<String> = named.iter().map(ToString::to_string).collect();
        let places: [Place; 2] = [source.parse().unwrap(), target.parse().unwrap()];
        match insecure_hosts(&named, &places) {
            Ok(hosts) => hosts
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" "),
            Err(error) => format!("{error}; {}", error.remedy().unwrap()),
        }
    }

    #[test]
    fn insecure_alone_means_the_one_remote_registry() {
        assert_eq!(
            insecure(&["*"], "a.example.com/x:1", "oci:out"),
            "a.example.com"
        );
        assert_eq!(
            insecure(&["*"], "127.0.0.1:5000/x:1", "a.example.com:80/x"),
            "a.example.com:80"
        );
        assert_eq!(
            insecure(&["*"], "a.example.com/x:1", "a.example.com/y"),
            "a.example.com"
        );
        assert_eq!(insecure(&["*"], "oci:in", "oci:out"), "");
        assert_eq!(insecure(&[], "a.example.com/x:1", "oci:out"), "");
        assert_eq!(
            insecure(&["*"], "a.example.com/x:1", "b.example.com/x"),
            "--insecure could mean more than one registry; \
             write --insecure=a.example.com or --insecure=b.example.com"
        );
    }

    #[test]
    fn a_named_registry_must_be_one_of_the_two_and_not_ecr() {
        let ecr = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";
        assert_eq!(
            insecure(&["b.example.com"], "a.example.com/x:1", "b.example.com/x"),
            "b.example.com"
        );
        assert!(
            insecure(
                &["b.example.com:80"],
                "a.example.com/x:1",
                "b.example.com/x"
            )
            .starts_with("--insecure=b.example.com:80 is the registry of neither side")
        );
        assert!(
            insecure(&[ecr], &format!("{ecr}/x:1"), "oci:out")
                .contains("only spoken to over HTTPS")
        );
        assert_eq!(
            insecure(&["*"], &format!("{ecr}/x:1"), "a.example.com/x"),
            "a.example.com"
        );
    }

    #[test]
    fn the_tag_of_an_unnamed_image_is_kept_if_it_is_one() {
        let digest: steward_core::Digest = format!("sha256:{}", "a".repeat(64)).parse().unwrap();
        let tag = |name: Option<&str>| {
            let mut image = Descriptor::new("application/x", digest.clone(), 1);
            image
                .annotations
                .extend(name.map(|name| (REF_NAME.to_owned(), name.to_owned())));
            tag_in(&[image], &digest.clone().into()).map(|tag| tag.to_string())
        };
        assert_eq!(tag(Some("v1")).as_deref(), Some("v1"));
        assert_eq!(tag(Some("docker.io/library/app:v1")).as_deref(), Some("v1"));
        assert_eq!(tag(Some("docker.io/library/app")), None);
        assert_eq!(tag(None), None);
    }
}
