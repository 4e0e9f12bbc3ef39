//! What conditions mean.

use super::*;

#[test]
fn every_variable_has_its_value() {
    let facts = facts();
    for text in [
        "event.kind == 'pushed'",
        "event.time == timestamp('2026-11-20T23:30:05.25Z')",
        "now - event.time > duration('60h')",
        "registry.account == '111122223333' && registry.region == 'eu-west-1'",
        "repository.startsWith('prod/') && repository.endsWith('/api')",
        "repository_tags == repository_tags && repository_tags['owner'] == 'payments'",
        "repository_tags.tier == '1'",
        "tag == '1.4.2'",
        "previous != image.digest",
        "image.digest.startsWith('sha256:aaaa')",
        "image.tags == ['1.4.2', 'latest']",
        "image.kind == 'image'",
        "image.media_type == 'application/vnd.oci.image.manifest.v1+json'",
        "image.artifact_type.endsWith('config.v1+json')",
        "image.size == 1200 && image.layers == 2",
        "image.pushed_at < event.time",
        "image.platforms == ['linux/amd64']",
        "image.labels['org.opencontainers.image.source'].startsWith('https://')",
        "image.labels.`org.opencontainers.image.source` == 'https://x'",
        "image.annotations['org.opencontainers.image.base.name'] == 'debian:13'",
        "image.user == 'app'",
        "image.created == timestamp('2026-11-19T09:00:00Z')",
        "image.exposed_ports == ['8080/tcp']",
        "'application/spdx+json' in image.referrers",
        "pusher.arn.contains(':assumed-role/ci/')",
        "pusher.source_ip == '192.0.2.7'",
    ] {
        assert!(holds(text, &facts), "{text}");
    }
}

#[test]
fn the_example_of_the_design_holds_on_fridays() {
    let text = r#"event.time.getDayOfWeek() == 5 && repository.startsWith("prod/")"#;
    let mut facts = facts();
    assert!(holds(text, &facts));
    facts.event.time = "2026-11-21T00:00:00Z".parse().unwrap();
    assert!(!holds(text, &facts));
}

#[test]
fn parts_of_a_time_are_counted_as_in_cel() {
    let facts = facts();
    for text in [
        "event.time.getFullYear() == 2026",
        "event.time.getMonth() == 10",
        "event.time.getDate() == 20",
        "event.time.getDayOfMonth() == 19",
        "event.time.getDayOfWeek() == 5",
        "event.time.getDayOfYear() == 323",
        "event.time.getHours() == 23",
        "event.time.getMinutes() == 30",
        "event.time.getSeconds() == 5",
        "event.time.getMilliseconds() == 250",
        "event.time.getDayOfWeek('+01:00') == 6",
        "event.time.getDayOfWeek('01:00') == 6",
        "event.time.getHours('-02:30') == 21",
        "event.time.getHours('UTC') == 23",
        "duration('1h30m').getHours() == 1",
        "duration('1h30m').getMinutes() == 90",
        "duration('1.5s').getMilliseconds() == 1500",
        "duration('90s').getSeconds() == 90",
        "-duration('90s') == duration('-90s')",
        "event.time + duration('1h') - duration('60m') == event.time",
        "duration('1h') + event.time > event.time",
        "int(timestamp('1970-01-01T00:01:00Z')) == 60",
        "timestamp(60) == timestamp('1970-01-01T00:01:00Z')",
        "string(duration('1.5s')) == '1.5s' && string(-duration('61s')) == '-61s'",
        "string(timestamp('2026-11-20T00:00:00Z')) == '2026-11-20T00:00:00Z'",
    ] {
        assert!(holds(text, &facts), "{text}");
    }
}

#[test]
fn operators_and_functions_do_as_in_cel() {
    let facts = facts();
    for text in [
        "1 + 2 * 3 == 7 && 7 / 2 == 3 && 7 % 4 == 3 && -7 / 2 == -3",
        "1.5 + 1.5 == 3.0 && 3.0 / 2.0 == 1.5 && -1.5 < 0.0",
        "!(1 > 2) && 1 <= 1 && 1 >= 1 && 1 != 2",
        "'a' < 'b' && 'a' + 'b' == 'ab'",
        "true != false",
        "(tag == 'x' ? 1 : 2) == 2",
        "[1, 2] + [3] == [1, 2, 3] && [] == [] && 1 in [1, 2] && !(3 in [])",
        "['a', 'b'][1] == 'b'",
        "size('äö') == 2 && 'ab'.size() == 2 && size([1]) == 1 && image.labels.size() == 2",
        "'a-b'.split('-') == ['a', 'b'] && 'ab'.split('') == ['a', 'b']",
        "(tag + 'é').split('') == ['1', '.', '4', '.', '2', 'é']",
        "(tag + '').split('.') == ['1', '4', '2']",
        "['a', 'b'].join('/') == 'a/b'",
        "' a '.trim() == 'a' && 'aB'.lowerAscii() == 'ab' && 'aB'.upperAscii() == 'AB'",
        "int('42') == 42 && int(4.9) == 4 && int(-4.9) == -4 && int(7) == 7",
        "double('1.5') == 1.5 && double(2) == 2.0 && double(1.5) == 1.5",
        "string(1) == '1' && string(1.5) == '1.5' && string(true) == 'true' && string('x') == 'x'",
        "tag.matches('^[0-9]+[.]') && !tag.matches('^v') && 'äb'.matches('^.b$')",
        "'Ä'.matches('(?i)ä')",
        "image.tags.all(t, t.size() > 2) && image.tags.exists(t, t == 'latest')",
        "image.tags.exists_one(t, t == 'latest') && !image.tags.exists_one(t, t.size() > 2)",
        "image.tags.filter(t, t != tag) == ['latest']",
        "image.tags.map(t, t.size()) == [5, 6]",
        "image.tags.map(t, t != tag, t + '!') == ['latest!']",
        "image.tags.filter(t, t != tag).map(t, t.size()).exists(n, n == 6)",
        "image.labels.exists(name, image.labels[name] == 'shop')",
        "[].all(x, x == 1) && ![].exists(x, x)",
        "has(image.labels.team) && !has(image.labels.other) && 'team' in image.labels",
        "0x10 == 16 && 1e3 == 1000.0",
        "r'\\d' == '\\\\d' && '''a'b''' == \"a'b\" // a comment",
    ] {
        assert!(holds(text, &facts), "{text}");
    }
}

#[test]
fn an_index_speaks_for_its_images() {
    let facts = index();
    for text in [
        "image.kind == 'index'",
        "image.platforms == ['linux/amd64', 'linux/arm64']",
        "image.size == 1400",
        "image.layers == 2",
        "image.labels.team == 'shop' && image.labels.size() == 1",
        "image.user == 'app'",
        "image.created == timestamp('2026-11-18T09:00:00Z')",
        "image.exposed_ports == ['8080/tcp', '9090/tcp']",
    ] {
        assert!(holds(text, &facts), "{text}");
    }
}

#[test]
fn images_of_an_index_that_differ_have_no_common_user() {
    let mut facts = index();
    let children = facts.image.as_mut().unwrap().children.as_mut().unwrap();
    children[1].config.as_mut().unwrap().user = String::new();
    assert_eq!(
        undecided("image.user == 'app'", &facts),
        "`image.user`: the images of the index have different ones"
    );
}

#[test]
fn what_is_missing_is_named() {
    let bare = Facts {
        registry: None,
        image: Some(ImageFacts::new(digest('a'), Vec::new())),
        previous: None,
        resource_tags: None,
        pusher: None,
        ..facts()
    };
    for (text, reason) in [
        (
            "registry.region == 'x'",
            "`registry.region`: it was not said which registry this is",
        ),
        (
            "'x' in repository_tags",
            "`repository_tags`: the repository's resource tags were not read",
        ),
        ("image.size > 1", "`image.size`: the manifest was not read"),
        (
            "image.user == ''",
            "`image.user`: the configuration was not read",
        ),
        (
            "has(image.user)",
            "`image.user`: the configuration was not read",
        ),
        (
            "size(image.platforms) > 0",
            "`image.platforms`: the configuration was not read",
        ),
        (
            "image.kind == 'image'",
            "`image.kind`: the manifest was not read",
        ),
        (
            "image.pushed_at < now",
            "`image.pushed_at`: the time of the push was not read",
        ),
        (
            "size(image.referrers) == 0",
            "`image.referrers`: what refers to the image was not read",
        ),
        (
            "pusher.arn == 'x'",
            "`pusher.arn`: CloudTrail has not said who pushed",
        ),
    ] {
        assert_eq!(undecided(text, &bare), reason);
    }
    assert!(holds("previous == '' && !has(pusher.arn)", &bare));
    assert!(holds("image.tags == []", &bare));
}

#[test]
fn a_tag_that_is_gone_has_no_image() {
    let gone = Facts {
        image: None,
        ..facts()
    };
    assert_eq!(
        undecided("image.digest == 'x'", &gone),
        "`image.digest`: the tag is gone, and no image is known"
    );
    assert!(!holds("has(image.digest)", &gone));
    assert!(holds("event.kind == 'pushed' || image.layers > 1", &gone));
}

#[test]
fn an_artifact_has_no_configuration() {
    let mut facts = facts();
    let image = facts.image.as_mut().unwrap();
    (image.kind, image.config, image.platform) = (Some(ImageKind::Artifact), None, None);
    assert!(holds("!has(image.user) && image.platforms == []", &facts));
    assert!(!holds(
        "image.kind == 'image' && image.user == 'root'",
        &facts
    ));
    assert_eq!(
        undecided("image.user == 'root'", &facts),
        "`image.user`: an artifact has no configuration"
    );
}

#[test]
fn what_decides_alone_decides() {
    let gone = Facts {
        image: None,
        ..facts()
    };
    let unknown = "image.size > 1";
    assert!(!holds(&format!("{unknown} && false"), &gone));
    assert!(!holds(&format!("false && {unknown}"), &gone));
    assert!(holds(&format!("{unknown} || true"), &gone));
    assert!(holds(&format!("true || {unknown}"), &gone));
    assert!(holds(
        &format!("[1, 2].exists(n, n == 1 ? {unknown} : true)"),
        &gone
    ));
    assert!(!holds(
        &format!("[1, 2].all(n, n == 1 ? {unknown} : false)"),
        &gone
    ));
    undecided(&format!("[1, 2].all(n, n == 1 ? {unknown} : true)"), &gone);
    undecided(&format!("{unknown} && true"), &gone);
    undecided(&format!("true && {unknown}"), &gone);
}

#[test]
fn what_cannot_be_computed_is_undecided() {
    let facts = facts();
    for (text, reason) in [
        ("1 / (size(tag) - 5) == 1", "it divides by zero"),
        ("1 % (size(tag) - 5) == 1", "it divides by zero"),
        (
            "9223372036854775807 + size(tag) > 0",
            "a number is out of range",
        ),
        (
            "(-9223372036854775807 - 1) / -1 > 0",
            "a number is out of range",
        ),
        (
            "-(-9223372036854775807 - 1) > 0",
            "a number is out of range",
        ),
        ("int(1e300) > 0", "a number is out of range"),
        ("int(0.0 / 0.0) > 0", "a number is out of range"),
        ("int(tag) > 0", "`1.4.2` is not a number"),
        ("image.labels.nobody == ''", "there is no `nobody`"),
        ("image.tags[2] == ''", "there is no entry 2 in a list of 2"),
        (
            "image.tags[-1] == ''",
            "there is no entry -1 in a list of 2",
        ),
        (
            "timestamp(tag) > now",
            "`1.4.2` is not a time such as `2026-11-23T12:00:00Z`",
        ),
        (
            "duration(tag) > now - now",
            "`1.4.2` is not a duration such as `1h30m`",
        ),
        (
            "now + duration('99999999h') > now",
            "a number is out of range",
        ),
    ] {
        assert_eq!(undecided(text, &facts), reason, "{text}");
    }
}
