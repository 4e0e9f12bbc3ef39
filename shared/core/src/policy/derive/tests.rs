use proptest::prelude::*;

use super::*;

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

fn digest(n: u8) -> Digest {
    format!("sha256:{}", format!("{n:02x}").repeat(32))
        .parse()
        .unwrap()
}

fn derive(from: TagPattern, tags: &[&str]) -> Derive {
    Derive {
        from,
        tags: tags.iter().map(|t| DerivedTag::new(t).unwrap()).collect(),
    }
}

fn floating() -> Derive {
    derive(
        TagPattern::semver(None, false).unwrap(),
        &["{major}.{minor}", "{major}", "latest"],
    )
}

/// Tags of which each points to an image of its own.
fn repository(tags: &[&str]) -> BTreeMap<Tag, Digest> {
    (0..).zip(tags).map(|(n, t)| (tag(t), digest(n))).collect()
}

fn wanted(derive: &Derive, tags: &[&str], pushed: &str) -> String {
    let tags = repository(tags);
    let wanted = derive.wanted(&tags, &tag(pushed));
    for (_, source, digest) in &wanted {
        assert_eq!(tags.get(source), Some(digest));
    }
    let texts: Vec<String> = wanted.iter().map(|(t, s, _)| format!("{t}={s}")).collect();
    texts.join(" ")
}

#[test]
fn derived_tags_follow_the_highest_release() {
    let d = floating();
    let all = ["1.3.8", "1.4.0", "1.4.2", "2.0.0-rc.1", "main"];
    assert_eq!(wanted(&d, &all, "1.4.2"), "1.4=1.4.2 1=1.4.2 latest=1.4.2");
    // An old line that is patched moves its own tag only.
    assert_eq!(
        wanted(&d, &["1.3.9", "1.4.0"], "1.3.9"),
        "1.3=1.3.9 1=1.4.0 latest=1.4.0"
    );
    assert_eq!(
        wanted(&d, &["1.9.0", "1.10.0", "0.9.1"], "1.9.0"),
        "1.9=1.9.0 1=1.10.0 latest=1.10.0"
    );
    // A pre-release is no release, and no source.
    assert_eq!(wanted(&d, &all, "2.0.0-rc.1"), "");
    assert_eq!(wanted(&d, &all, "main"), "");
}

#[test]
fn prereleases_count_where_the_pattern_takes_them() {
    let d = derive(
        TagPattern::semver(None, true).unwrap(),
        &["{major}", "edge"],
    );
    assert_eq!(
        wanted(&d, &["1.4.0", "2.0.0-rc.1", "2.0.0-rc.2"], "2.0.0-rc.1"),
        "2=2.0.0-rc.2 edge=2.0.0-rc.2"
    );
    assert_eq!(
        wanted(&d, &["2.0.0", "2.0.0-rc.2"], "2.0.0-rc.2"),
        "2=2.0.0 edge=2.0.0"
    );
    // Within other text they never do.
    let d = derive(TagPattern::new("app-{semver}").unwrap(), &["app-{major}"]);
    assert_eq!(
        wanted(&d, &["app-1.4.0", "app-1.5.0-rc.1", "2.0.0"], "app-1.4.0"),
        "app-1=app-1.4.0"
    );
}

#[test]
fn a_v_in_front_is_no_part_of_the_version() {
    let d = derive(
        TagPattern::semver(None, false).unwrap(),
        &["v{major}", "{tag}-stable"],
    );
    assert_eq!(
        wanted(&d, &["v1.4.2", "1.4.1"], "v1.4.2"),
        "v1=v1.4.2 v1.4.2-stable=v1.4.2"
    );
    // The same version twice: the same one every time.
    assert_eq!(
        wanted(&floating(), &["v1.4.2", "1.4.2"], "1.4.2")
            .split(' ')
            .next(),
        Some("1.4=v1.4.2")
    );
    assert_eq!(
        wanted(&floating(), &["v1.4.2", "1.4.2"], "v1.4.2")
            .split(' ')
            .next(),
        Some("1.4=v1.4.2")
    );
}

#[test]
fn a_derived_tag_that_was_moved_is_put_right() {
    let all = ["1.4.2", "1.3.0", "latest", "1", "2"];
    assert_eq!(wanted(&floating(), &all, "latest"), "latest=1.4.2");
    assert_eq!(wanted(&floating(), &all, "1"), "1=1.4.2");
    assert_eq!(wanted(&floating(), &all, "2"), "");
}

#[test]
fn a_deleted_release_gives_way_to_the_highest_of_the_rest() {
    assert_eq!(
        wanted(&floating(), &["1.4.1", "1.4", "1.3.0"], "1.4.2"),
        "1.4=1.4.1 1=1.4.1 latest=1.4.1"
    );
    assert_eq!(wanted(&floating(), &["latest", "1.4", "1"], "1.4.2"), "");
}

#[test]
fn tags_without_an_order_are_followed_when_they_are_pushed() {
    let d = derive(TagPattern::new("prod").unwrap(), &["{tag}-current", "live"]);
    let all = ["prod", "live", "prod-current"];
    assert_eq!(wanted(&d, &all, "prod"), "prod-current=prod live=prod");
    assert_eq!(wanted(&d, &all, "live"), "live=prod");
    assert_eq!(wanted(&d, &["live"], "prod"), "");
    let d = derive(TagPattern::new("prod-*").unwrap(), &["live"]);
    assert_eq!(
        wanted(&d, &["prod-a", "prod-b", "prod-c"], "prod-b"),
        "live=prod-b"
    );
    assert_eq!(wanted(&d, &["prod-a", "prod-b", "live"], "live"), "");
}

#[test]
fn calendar_versions_have_an_order() {
    let d = derive(TagPattern::new("calver").unwrap(), &["latest"]);
    assert_eq!(
        wanted(&d, &["2026.9.30", "2026.10.1"], "2026.9.30"),
        "latest=2026.10.1"
    );
}

#[test]
fn a_derived_tag_is_never_a_source() {
    let d = derive(
        TagPattern::semver(None, false).unwrap(),
        &["{major}.{minor}.0"],
    );
    assert_eq!(wanted(&d, &["1.4.2"], "1.4.2"), "");
}

#[test]
fn templates_make_tags_or_are_refused() {
    let error = |text: &str| DerivedTag::new(text).unwrap_err();
    assert_eq!(error(""), TemplateError::Empty);
    assert_eq!(error("{tag}"), TemplateError::Itself);
    assert_eq!(error("{minro}"), TemplateError::Unknown("minro".to_owned()));
    assert_eq!(error("{major"), TemplateError::Brace);
    assert_eq!(error("{major}{major}"), TemplateError::Twice("major"));
    for text in [
        "-{major}",
        "a b",
        "a/b",
        &format!("{{major}}{}", "x".repeat(120)),
    ] {
        assert!(matches!(error(text), TemplateError::Name(_)), "{text}");
    }
    let made = DerivedTag::new("v{major}.{minor}.{patch}-x").unwrap();
    let version = Version::new(1, 2, 3);
    assert_eq!(
        made.render(&tag("a"), Some(&version)),
        Some(tag("v1.2.3-x"))
    );
    assert_eq!(made.render(&tag("a"), None), None);
    let long = DerivedTag::new("{tag}-x").unwrap();
    assert_eq!(long.render(&tag(&"a".repeat(127)), None), None);
}

#[test]
fn companions_are_found_among_the_tags_of_the_image() {
    let companion = Companion {
        floating: vec![TagPattern::new("latest").unwrap()],
        requires: vec![TagPattern::new("semver").unwrap()],
    };
    assert!(companion.is_floating(&tag("latest")) && !companion.is_floating(&tag("main")));
    let tags = [tag("latest"), tag("1.2.3")];
    assert_eq!(companion.companion_among(&tags), Some(&tags[1]));
    assert_eq!(companion.companion_among(&tags[..1]), None);
}

proptest! {
    /// Against the plain definition: of the versions that agree in the parts, the greatest.
    #[test]
    fn the_order_of_pushes_does_not_matter(
        versions in prop::collection::btree_set((0u64..3, 0u64..3, 0u64..4), 1..12),
        pick in any::<prop::sample::Index>(),
    ) {
        let tags: BTreeMap<Tag, Digest> = versions
            .iter()
            .zip(0..)
            .map(|((a, b, c), n)| (tag(&format!("{a}.{b}.{c}")), digest(n)))
            .collect();
        let all: Vec<_> = versions.iter().copied().collect();
        let (a, b, c) = all[pick.index(all.len())];
        let highest = |same: &dyn Fn(&(u64, u64, u64)) -> bool| {
            let (a, b, c) = all.iter().copied().filter(|v| same(v)).max().unwrap();
            tag(&format!("{a}.{b}.{c}"))
        };
        let expected = [
            (tag(&format!("{a}.{b}")), highest(&|v| (v.0, v.1) == (a, b))),
            (tag(&a.to_string()), highest(&|v| v.0 == a)),
            (tag("latest"), highest(&|_| true)),
        ];
        let d = floating();
        let wanted = d.wanted(&tags, &tag(&format!("{a}.{b}.{c}")));
        let found: Vec<_> = wanted.iter().map(|(t, s, _)| (t.clone(), s.clone())).collect();
        prop_assert_eq!(&found[..], &expected[..]);
        // Asked for all at once, the answers are the same; once applied, nothing more is wanted.
        let at_once = d.all_wanted(&tags);
        let mut applied = tags.clone();
        for (derived, source, digest) in wanted {
            prop_assert_eq!(at_once.get(&derived), Some(&(source, digest.clone())));
            applied.insert(derived, digest);
        }
        for (derived, _) in &expected {
            for (again, _, digest) in d.wanted(&applied, derived) {
                prop_assert_eq!(applied.get(&again), Some(&digest));
            }
        }
    }
}
