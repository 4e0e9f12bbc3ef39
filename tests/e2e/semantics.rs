//! `docs/SEMANTICS.md` promises nothing that no test holds.

use std::fs;
use std::path::Path;

use regex::Regex;
use steward_testkit::cloud::paths;

#[test]
fn every_promise_has_its_test() {
    let document = fs::read_to_string(paths::root().join("docs/SEMANTICS.md")).unwrap();
    let sources = sources(&paths::root());
    let promise = Regex::new(r"(?m)^(\d+)\. ").unwrap();
    let name = Regex::new(r"`([a-z0-9_]+(?:::[a-z0-9_]+)+)`").unwrap();
    let starts: Vec<_> = promise
        .find_iter(&document)
        .map(|found| found.start())
        .collect();
    assert!(
        starts.len() >= 20,
        "the document has {} promises",
        starts.len()
    );
    let mut missing = Vec::new();
    for (n, start) in starts.iter().enumerate() {
        let rest = &document[*start..];
        let end = starts.get(n + 1).map_or(rest.len(), |next| next - start);
        let text = rest[..end].split("\n\n").next().unwrap_or_default();
        let tests: Vec<&str> = name
            .captures_iter(text)
            .map(|found| found.get(1).unwrap().as_str())
            .collect();
        if tests.is_empty() {
            missing.push(format!("no test is named: {text}"));
        }
        for test in tests {
            let function = test.rsplit("::").next().unwrap();
            let found = sources
                .iter()
                .any(|source| source.contains(&format!("fn {function}(")));
            if !found {
                missing.push(format!("there is no test {test}"));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

fn sources(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                found.extend(sources(&path));
            }
        } else if name.ends_with(".rs") {
            found.push(fs::read_to_string(&path).unwrap());
        }
    }
    found
}
