use super::*;

const A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn all(text: &[u8]) -> Vec<String> {
    let mut reader = Reader::new(text);
    let mut found = Vec::new();
    while let Some(next) = reader.read() {
        match next {
            Ok(entry) => found.push(format!("{}:{}", entry.repository, join(&entry.tags))),
            Err(error) => {
                found.push(error.to_string());
                if !error.can_go_on() {
                    break;
                }
            }
        }
    }
    found
}

fn join(tags: &[Tag]) -> String {
    let tags: Vec<&str> = tags.iter().map(Tag::as_str).collect();
    tags.join(",")
}

#[test]
fn lines_are_read_and_empty_ones_passed_over() {
    let text = format!(
        "\u{feff}{{\"repository\":\"prod/app\",\"digest\":\"{A}\",\"tags\":[\"v1\",\"v2\"]}}\r\n\n\
         {{\"repository\":\"prod/other\",\"digest\":\"{A}\"}}"
    );
    assert_eq!(all(text.as_bytes()), ["prod/app:v1,v2", "prod/other:"]);
    assert_eq!(all(b""), Vec::<String>::new());
    assert_eq!(all(b"\n\n"), Vec::<String>::new());
}

#[test]
fn a_line_that_is_no_image_is_named_and_the_rest_can_be_read() {
    let good = format!("{{\"repository\":\"prod/app\",\"digest\":\"{A}\"}}");
    let last = good.replace("prod/app", "prod/other");
    let text = format!(
        "{good}\n{{\"repository\":\"prod/app\",\"digest\":\"{A}\",\"tgas\":[]}}\n\nnot json\n{last}\n"
    );
    let found = all(text.as_bytes());
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(
        found[1].starts_with("line 2: unknown field `tgas`"),
        "{found:?}"
    );
    assert!(
        found[2].starts_with("line 4: expected a JSON object"),
        "{found:?}"
    );
    assert_eq!(found[3], "prod/other:");
}

#[test]
fn no_message_names_a_type_of_the_program() {
    for line in [
        "[1,2]".to_owned(),
        "7".to_owned(),
        format!("{{\"repository\":\"prod/app\",\"digest\":\"{A}\",\"config\":7}}"),
        format!("{{\"repository\":\"prod/app\",\"digest\":\"{A}\",\"layers\":[7]}}"),
    ] {
        let found = all(line.as_bytes());
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(!found[0].contains("struct"), "{found:?}");
        assert!(found[0].contains("object"), "{found:?}");
    }
}

#[test]
fn what_is_there_twice_is_named_with_both_places() {
    let line = |digest: &str, tags: &str| {
        format!("{{\"repository\":\"prod/app\",\"digest\":\"{digest}\",\"tags\":[{tags}]}}\n")
    };
    let b = A.replace('a', "b");
    let (b, c) = (&b.replace("shb", "sha"), &A.replace("aaaa", "cccc"));
    let text = [
        line(A, "\"v1\""),
        line(b, "\"v2\",\"v2\""),
        line(b, "\"v3\",\"v1\""),
        line(A, ""),
        line(c, "\"v3\""),
    ]
    .concat();
    assert_eq!(
        all(text.as_bytes()),
        [
            "prod/app:v1",
            "line 2: prod/app:v2 is there twice, line 2 has it already",
            "line 3: prod/app:v1 is there twice, line 1 has it already",
            &format!("line 4: prod/app@{A} is there twice, line 1 has it already"),
            // What was left out counts for nothing.
            "prod/app:v3",
        ]
    );
    let image = format!(
        "{{\"repositoryName\": \"prod/app\", \"imageDigest\": \"{A}\", \"imageTags\": [\"v1\"]}}"
    );
    let document = format!("{{\"imageDetails\": [{image}, {image}]}}");
    let found = all(document.as_bytes());
    let wanted = format!("image 2: prod/app@{A} is there twice, image 1 has it already");
    assert_eq!(found, ["prod/app:v1", wanted.as_str()]);
    // The same names in another registry are others.
    let there = line(A, "\"v1\"").replacen(
        '{',
        "{\"registry\":{\"account\":\"444455556666\",\"region\":\"eu-west-1\"},",
        1,
    );
    assert_eq!(all((line(A, "\"v1\"") + &there).as_bytes()).len(), 2);
}

#[test]
fn a_line_without_an_end_is_not_kept() {
    let mut text = vec![b'x'; MAX_LINE_BYTES + 2];
    text.extend_from_slice(format!("\n{{\"repository\":\"ab\",\"digest\":\"{A}\"}}\n").as_bytes());
    let found = all(&text);
    assert_eq!(found.len(), 2);
    assert!(found[0].starts_with("line 1 has more than"), "{}", found[0]);
    assert_eq!(found[1], "ab:");
}

#[test]
fn what_the_aws_command_line_prints_is_taken_of_both_versions() {
    let document = |repository: &str, pushed: &str| {
        format!(
            "{{\n  \"imageDetails\": [\n    {{\"registryId\": \"111122223333\", \
             \"repositoryName\": \"{repository}\", \"imageDigest\": \"{A}\", \
             \"imageTags\": [\"v1\"], \"imageSizeInBytes\": 12, \"imagePushedAt\": {pushed}}}]\n}}\n"
        )
    };
    let first = document("prod/app", "\"2026-08-01T12:00:00+02:00\"");
    let two = first + &document("prod/other", "1785578400.5");
    let mut reader = Reader::new(two.as_bytes());
    let first = reader.read().unwrap().unwrap();
    assert_eq!(first.pushed_at.unwrap().to_string(), "2026-08-01T10:00:00Z");
    let second = reader.read().unwrap().unwrap();
    assert_eq!(
        second.pushed_at.unwrap().to_string(),
        "2026-08-01T10:00:00.5Z"
    );
    assert!(reader.read().is_none());
    let found = all(b"{\n  \"images\": []\n}");
    assert!(found[0].contains("aws ecr describe-images"), "{found:?}");
}

#[test]
fn an_entry_is_written_as_it_is_read() {
    let text = format!(
        r#"{{"repository":"prod/app","digest":"{A}","tags":["v1"],"pushed_at":"2026-08-01T10:00:00Z","resource_tags":{{"owner":"payments"}},"kind":"image","media_type":"application/vnd.oci.image.manifest.v1+json","platform":"linux/amd64","config":{{"user":"app","labels":{{}},"exposed_ports":[]}},"layers":[{{"digest":"{A}","media_type":"x/y","size":7}}],"referrers":[]}}"#
    );
    let entry: Entry = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&entry).unwrap(), text);
    let (place, image) = entry.clone().into_parts();
    assert_eq!(Entry::new(place, image), entry);
    let value = serde_json::from_str(&text).unwrap();
    let schema = crate::inventory::schema();
    assert!(jsonschema::validator_for(&schema).unwrap().is_valid(&value));
}
