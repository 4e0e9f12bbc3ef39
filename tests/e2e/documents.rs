//! The documents name no file that is not there.

use std::fs;

use regex::Regex;
use steward_testkit::cloud::paths;

#[test]
fn every_file_that_a_document_names_is_there() {
    let root = paths::root();
    let mut documents = vec![root.join("README.md")];
    for folder in ["docs", "functions", "shared", "cli", "infra"] {
        collect(&root.join(folder), &mut documents);
    }
    assert!(documents.len() >= 12, "{documents:?}");
    let link = Regex::new(r"\]\(([^)#\s]+)(?:#[^)]*)?\)").unwrap();
    // Files that an operator's own folder would have do not begin with a folder of the project.
    let path = Regex::new(
        r"(?m)(?:^|[\s`])((?:infra|tests|docs|functions|shared|cli|xtask|fuzz)/[A-Za-z0-9_./-]+\.[a-z]{2,5})\b",
    )
    .unwrap();
    let mut missing = Vec::new();
    for document in &documents {
        let text = fs::read_to_string(document).unwrap();
        let beside = document.parent().unwrap();
        for found in link.captures_iter(&text) {
            let target = &found[1];
            if !target.contains(':') && !beside.join(target).exists() {
                missing.push(format!("{}: {target}", document.display()));
            }
        }
        for found in path.captures_iter(&text) {
            let target = &found[1];
            if !root.join(target).exists() && !beside.join(target).exists() {
                missing.push(format!("{}: {target}", document.display()));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

fn collect(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "md") {
            found.push(path);
        }
    }
}
