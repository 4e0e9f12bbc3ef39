//! `docs/CLI.md` says what the command does.

use std::collections::BTreeSet;

use clap::CommandFactory as _;
use steward_cli::cli::Cli;
use steward_cli::exit_code::Exit;

const PAGE: &str = include_str!("../../../docs/CLI.md");

/// The rows of the table under a heading, cell by cell.
fn table(heading: &str) -> Vec<Vec<String>> {
    let (_, section) = PAGE
        .split_once(heading)
        .unwrap_or_else(|| panic!("no {heading}"));
    section
        .lines()
        .skip_while(|line| !line.starts_with("|--") && !line.starts_with("| --"))
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            line.trim_matches('|')
                .split(" | ")
                .map(|cell| cell.trim().to_owned())
                .collect()
        })
        .collect()
}

#[test]
fn the_exit_codes_are_the_codes() {
    let documented: Vec<(String, String)> = table("## Exit codes")
        .into_iter()
        .map(|row| (row[0].clone(), row[1].trim_matches('`').to_owned()))
        .collect();
    let expected: Vec<(String, String)> = Exit::ALL
        .map(|exit| (exit.code().to_string(), exit.name().to_owned()))
        .to_vec();
    assert_eq!(documented, expected);
    let codes: BTreeSet<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
    assert_eq!(codes.len(), Exit::ALL.len(), "two exits share a code");
}

#[test]
fn every_command_has_a_section_with_an_example_and_no_other_has() {
    let documented: Vec<&str> = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("## `steward "))
        .map(|rest| rest.trim_end_matches('`'))
        .collect();
    let command = Cli::command();
    let expected: Vec<&str> = command
        .get_subcommands()
        .map(clap::Command::get_name)
        .collect();
    assert_eq!(documented, expected);
    for name in expected {
        let (_, section) = PAGE.split_once(&format!("## `steward {name}`")).unwrap();
        let section = section.split("\n## ").next().unwrap_or_default();
        let example = format!("\nsteward {name} ");
        assert!(section.contains(&example), "no example of {name}");
    }
}

#[test]
fn every_option_is_named() {
    let command = Cli::command();
    let all = command.get_subcommands().chain([&command]);
    for argument in all.flat_map(clap::Command::get_arguments) {
        let Some(long) = argument.get_long() else {
            continue;
        };
        if !["help", "version"].contains(&long) {
            assert!(
                PAGE.contains(&format!("`--{long}")),
                "--{long} is not documented"
            );
        }
    }
}

#[test]
fn every_example_is_a_command_line_that_is_understood() {
    let mut examples = 0;
    for block in PAGE.split("```console\n").skip(1) {
        let block = block
            .split("```")
            .next()
            .unwrap_or_default()
            .replace("\\\n", " ");
        for line in block.lines().filter(|line| line.starts_with("steward ")) {
            let words = line.split(['|', '>', '#', '<']).next().unwrap_or_default();
            let words = words
                .split_whitespace()
                .map(|word| word.trim_matches(['\'', '"']));
            let parsed = <Cli as clap::Parser>::try_parse_from(words);
            assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
            examples += 1;
        }
    }
    assert!(examples >= 10, "{examples}");
}
