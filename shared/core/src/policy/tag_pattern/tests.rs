use proptest::prelude::*;

use super::*;

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

fn pattern(text: &str) -> TagPattern {
    TagPattern::new(text).unwrap()
}

/// Checks what a pattern matches and what it does not.
#[track_caller]
fn table(pattern: &TagPattern, yes: &[&str], no: &[&str]) {
    for text in yes {
        assert!(pattern.matches(&tag(text)), "{pattern} should match {text}");
    }
    for text in no {
        assert!(
            !pattern.matches(&tag(text)),
            "{pattern} should not match {text}"
        );
    }
}

#[test]
fn semver_is_a_whole_version_with_an_optional_v() {
    table(
        &pattern("semver"),
        &[
            "1.2.3",
            "v1.2.3",
            "0.0.0",
            "v10.20.30",
            "1.2.3-rc.1",
            "v1.2.3-alpha",
            "1.0.0-0.3.7",
        ],
        &[
            "1",
            "1.2",
            "v1",
            "v1.2",
            "1.2.3.4",
            "01.2.3",
            "1.02.3",
            "V1.2.3",
            "vv1.2.3",
            "latest",
            "release-1.2.3",
            "1.2.3-",
            "1.2.3-01",
            "1.2.3_build",
            "feature-x",
            "v",
        ],
    );
}

#[test]
fn semver_ranges_and_prereleases() {
    let semver = |range, prerelease| TagPattern::semver(range, prerelease).unwrap();
    table(&semver(None, false), &["1.2.3", "v0.1.0"], &["1.2.3-rc.1"]);
    table(
        &semver(Some(">=1.4, <3"), true),
        &["1.4.0", "v2.9.9", "1.4.0-rc.1", "2.0.0-rc.1"],
        &["1.3.9", "3.0.0", "3.0.0-rc.1", "0.1.0"],
    );
    table(
        &semver(Some("~2.1"), false),
        &["2.1.0", "2.1.9"],
        &["2.2.0", "2.1.5-rc.1"],
    );
    // A range that names a pre-release means exactly that one's line.
    table(
        &semver(Some(">=1.0.0-beta.2"), true),
        &["1.0.0-beta.2", "1.0.0", "1.0.0-rc.1"],
        &["1.0.0-beta.1", "0.9.0"],
    );
}

#[test]
fn calver_knows_the_usual_schemes_and_real_days() {
    table(
        &pattern("calver"),
        &[
            "2026.1.5",
            "2026.11.23",
            "2026.01.05",
            "2026-11-23",
            "20261123",
            "2026.11",
            "2026.11.0",
            "2026.05.17.3",
            "2026.1.5.12",
            "v2026.01.05",
            "2024.02.29",
        ],
        &[
            "1.2.3",
            "26.11.0",
            "2026",
            "2026.13.1",
            "2026.00.01",
            "20261301",
            "2026-02-30",
            "latest",
        ],
    );
}

#[test]
fn calver_schemes_by_name() {
    let calver = |scheme| TagPattern::calver(scheme).unwrap();
    table(
        &calver("YYYY.0M.MICRO"),
        &["2026.05.0", "2026.12.31", "v2026.01.7"],
        &[
            "2026.5.0",
            "2026.13.0",
            "2026.05.01x",
            "2026.05",
            "2026.05.01",
        ],
    );
    table(
        &calver("YY.0M"),
        &["24.04", "26.10"],
        &["2024.04", "24.4", "024.04"],
    );
    table(&calver("0Y.0W"), &["26.07"], &["26.7", "26.54"]);
    // A day that does not exist is no calendar version, of whatever width the year is.
    table(&calver("YY.MM.DD"), &["24.2.29"], &["26.2.29", "24.2.30"]);
    table(
        &calver("YYYY0M0D-MODIFIER"),
        &["20260517-rc1"],
        &["20260517", "20260532-a"],
    );
}

#[test]
fn calver_schemes_that_cannot_be_read() {
    let error = |scheme| TagPattern::calver(scheme).unwrap_err().to_string();
    assert_eq!(
        error("yyyy.mm"),
        "is not a calendar version scheme: `yyyy` is not known"
    );
    assert_eq!(
        error("MAJOR.MINOR"),
        "is not a calendar version scheme: it has no year"
    );
    assert_eq!(
        error("YYYYMMDD"),
        "is not a calendar version scheme: `MM` has no fixed width, so `DD` cannot touch it"
    );
    assert_eq!(
        error("YYYY.0M.MM"),
        "is not a calendar version scheme: `MM` is there twice"
    );
    assert_eq!(
        error("YYYY.MM.YYYY"),
        "is not a calendar version scheme: `YYYY` is there twice"
    );
}

#[test]
fn git_is_a_commit_whole_or_shortened() {
    let sha1 = "a".repeat(40);
    let sha256 = "0123456789abcdef".repeat(4);
    table(
        &pattern("git"),
        &["3f2c1ab", "3f2c1ab9", &sha1, &sha256],
        &[
            "3f2c1a",
            "3F2C1AB",
            "3f2c1ag",
            "sha-3f2c1ab",
            "main",
            &"a".repeat(41),
            &"a".repeat(63),
        ],
    );
}

#[test]
fn placeholders_stand_for_their_kind() {
    let long = format!("sha-{}", "b".repeat(64));
    table(
        &pattern("sha-{git}"),
        &["sha-3f2c1ab", &format!("sha-{}", "b".repeat(40)), &long],
        &[
            "3f2c1ab",
            "sha-",
            "sha-xyz1234",
            "sha-3f2c1ab-dirty",
            "SHA-3f2c1ab",
            &format!("sha-{}", "b".repeat(50)),
        ],
    );
    table(
        &pattern("app-{semver}"),
        &["app-1.2.3", "app-v1.2.3", "app-1.2.3-rc.1"],
        &["app-1.2", "1.2.3", "app-1.2.3.4", "app-01.2.3"],
    );
    table(
        &pattern("app-v{semver}"),
        &["app-v1.2.3"],
        &["app-1.2.3", "app-vv1.2.3"],
    );
    table(
        &pattern("{calver}-{git}"),
        &["2026.05.17-3f2c1ab"],
        &["2026.13.17-3f2c1ab", "2026.05.17"],
    );
    table(
        &pattern("*-{git}"),
        &["main-3f2c1ab", "a-b-3f2c1ab"],
        &["main", "3f2c1ab"],
    );
    table(
        &pattern("b?-{semver}"),
        &["b1-1.2.3"],
        &["b-1.2.3", "b12-1.2.3"],
    );
    // A dot is a dot, not any character.
    table(&pattern("r.{git}"), &["r.3f2c1ab"], &["rx3f2c1ab"]);
}

#[test]
fn globs_and_exact_tags() {
    table(
        &pattern("latest"),
        &["latest"],
        &["Latest", "latest-1", "xlatest"],
    );
    table(
        &pattern("release-*"),
        &["release-1", "release-"],
        &["release", "prerelease-1"],
    );
    table(&pattern("*-rc?"), &["v1-rc1"], &["v1-rc", "v1-rc10"]);
    table(&pattern("v[0-9]*"), &["v1", "v1.2"], &["vx", "v"]);
    table(&pattern("{dev,test}-*"), &["dev-1", "test-x"], &["prod-1"]);
    table(&pattern("*"), &["anything", "1"], &[]);
    // A dot in a glob is a dot.
    table(&pattern("1.*"), &["1.2"], &["102"]);
}

#[test]
fn regular_expressions_match_the_whole_tag() {
    table(
        &pattern("/pr-[0-9]+/"),
        &["pr-1", "pr-42"],
        &["pr-", "xpr-1", "pr-1x"],
    );
    // Anchors hold for both branches.
    table(&pattern("/a|bc/"), &["a", "bc"], &["ac", "abc", "abcd"]);
    table(&pattern(r"/\d+\.\d+/"), &["1.2"], &["1.2.3"]);
    table(&pattern("/(?i)rc.*/"), &["RC1", "rc"], &["xrc"]);
}

#[test]
fn patterns_that_cannot_match_are_refused() {
    let error = |text: &str| TagPattern::new(text).unwrap_err().to_string();
    assert_eq!(error(""), "is empty");
    assert_eq!(error(&"a*".repeat(600)), "is longer than 1024 characters");
    assert_eq!(error("feature/*"), "holds '/', which no tag has");
    assert_eq!(
        error("feature/x"),
        "is not a tag: only letters, digits, '_', '.' and '-'"
    );
    assert_eq!(
        error("v[0-9"),
        "is not a valid glob: unclosed character class; missing ']'"
    );
    assert_eq!(error("sha-{gti}"), "has the unknown placeholder `{gti}`");
    assert_eq!(
        error("sha-{git}[0-9]"),
        "mixes placeholders with '['; beside a placeholder only `*` and `?` are wildcards"
    );
    assert_eq!(
        error("/pr-"),
        "begins with `/` like a regular expression, and does not end with one"
    );
    assert_eq!(
        error("/"),
        "begins with `/` like a regular expression, and does not end with one"
    );
    assert_eq!(
        error("/(a/"),
        "is not a valid regular expression: unclosed group"
    );
    assert_eq!(
        error("/a)(b/"),
        "is not a valid regular expression: unopened group"
    );
    assert_eq!(
        error("/(?=a)b/"),
        "is not a valid regular expression: look-around, including look-ahead and look-behind, \
         is not supported"
    );
    assert!(
        error("/((a{1,500}){1,500})/").contains("size limit"),
        "{}",
        error("/((a{1,500}){1,500})/")
    );
    assert!(error(&format!("/{}a{}/", "(".repeat(400), ")".repeat(400))).contains("nest"));
}

#[test]
fn words_that_are_nearly_keywords_are_refused() {
    let keyword = |text: &str| match TagPattern::new(text) {
        Err(TagPatternError::NearKeyword { keyword, .. }) => Some(keyword),
        _ => None,
    };
    assert_eq!(keyword("semvr"), Some("semver"));
    assert_eq!(keyword("SemVer"), Some("semver"));
    assert_eq!(keyword("clavar"), None);
    assert_eq!(keyword("calvr"), Some("calver"));
    assert_eq!(keyword("git-sha"), Some("git"));
    assert_eq!(keyword("GIT"), Some("git"));
    assert_eq!(keyword("server"), Some("semver"));
    assert_eq!(keyword("stable"), None);
    // The way out for a tag of that very name.
    table(
        &TagPattern::exact("server").unwrap(),
        &["server"],
        &["1.2.3"],
    );
    table(
        &TagPattern::exact("semver").unwrap(),
        &["semver"],
        &["1.2.3"],
    );
}

#[test]
fn examples_are_near_and_valid() {
    let near =
        |pattern: TagPattern, text: &str| pattern.example_near(&tag(text)).map(|t| t.to_string());
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(near(pattern("semver"), "feature-x"), some("v1.2.3"));
    assert_eq!(near(pattern("semver"), "1.4"), some("1.4.0"));
    assert_eq!(near(pattern("semver"), "v2"), some("v2.0.0"));
    assert_eq!(near(pattern("semver"), "release-1.2.3"), some("1.2.3"));
    let range = TagPattern::semver(Some(">=3.1, <4"), true).unwrap();
    assert_eq!(near(range.clone(), "v1.0.0"), some("v3.1.0"));
    assert_eq!(near(range, "3.5"), some("3.5.0"));
    assert_eq!(
        near(TagPattern::semver(Some("<1"), true).unwrap(), "x"),
        some("v0.0.0")
    );
    assert_eq!(
        near(TagPattern::semver(Some(">2.5, <3.1"), true).unwrap(), "x"),
        some("v2.6.0")
    );
    assert_eq!(near(pattern("sha-{git}"), "3F2C1AB"), some("sha-3f2c1ab"));
    assert_eq!(near(pattern("git"), "commit-0badcafe"), some("0badcafe"));
    assert_eq!(near(pattern("calver"), "x"), some("2026.5.17"));
    assert_eq!(near(pattern("{calver}-x"), "x"), some("2026.5.17-x"));
    assert_eq!(near(pattern("release-*"), "x"), some("release-x"));
    assert_eq!(near(pattern("v[0-9]"), "x"), some("v0"));
    assert_eq!(near(pattern("/a+/"), "x"), None);
}

#[test]
fn equality_is_that_of_kind_and_text() {
    assert_eq!(pattern("semver"), TagPattern::semver(None, true).unwrap());
    assert_ne!(pattern("semver"), TagPattern::exact("semver").unwrap());
    assert_ne!(pattern("a*"), pattern("b*"));
}

proptest! {
    #[test]
    fn no_text_makes_a_pattern_panic(text in "\\PC{0,40}", t in "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,40}") {
        if let Ok(pattern) = TagPattern::new(&text) {
            let t = tag(&t);
            prop_assert_eq!(pattern.matches(&t), pattern.matches(&t));
            if let Some(example) = pattern.example_near(&t) {
                prop_assert!(pattern.matches(&example));
            }
            let _ = pattern.describe();
        }
    }

    #[test]
    fn pattern_like_texts_do_not_panic(text in "[/a-c0-2.*?{},\\[\\]()|+!^-]{0,24}") {
        if let Ok(pattern) = TagPattern::new(&text) {
            let _ = pattern.example_near(&tag("v1.2"));
        }
    }

    #[test]
    fn every_version_is_semver(major: u32, minor: u32, patch: u32, v: bool) {
        let text = format!("{}{major}.{minor}.{patch}", if v { "v" } else { "" });
        prop_assert!(pattern("semver").matches(&tag(&text)));
        let in_template = pattern("x-{semver}").matches(&tag(&format!("x-{}", text)));
        prop_assert!(in_template);
    }
}
