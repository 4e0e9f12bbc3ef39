//! Large layers over several connections.

use super::*;
use crate::fake::{Fault, Image, ImageSpec, What, bytes_of_size, digest, image};

const LAYER: usize = 9_000_001;

fn big() -> (Image, String) {
    let layer = bytes_of_size(LAYER, 1);
    let name = digest(&layer);
    let image = image(ImageSpec {
        layers: vec![layer],
        ..ImageSpec::default()
    });
    (image, name)
}

fn in_ranges() -> CopyOptions {
    CopyOptions {
        ranges: Some(Ranges {
            at_once: 4,
            length: 1_000_000,
        }),
        ..CopyOptions::default()
    }
}

/// The ranges of the layer that were asked for.
fn asked(from: &Fake, layer: &str) -> Vec<String> {
    let log = from.log();
    let gets = log.iter().filter(|logged| logged.path.ends_with(layer));
    gets.map(|logged| logged.header("range").unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test]
async fn a_large_layer_is_read_in_ranges_and_a_small_one_is_not() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let (image, layer) = big();
    from.push("team/app", Some("v1"), &image);
    done(&request(&from, &to), &in_ranges()).await;
    assert!(is_whole(&to.repository("dr/team/app"), &reference("v1")).await);
    let ranges = asked(&from, &layer);
    assert_eq!(ranges.len(), 10);
    assert!(ranges.contains(&"bytes=0-999999".to_owned()), "{ranges:?}");
    assert!(
        ranges.contains(&"bytes=9000000-9000000".to_owned()),
        "{ranges:?}"
    );
    assert_eq!(to.count("PUT", "/blobs/"), 2, "still one upload each");
    assert_eq!(
        from.count("GET", "/blobs/"),
        11,
        "the configuration in one piece"
    );
}

#[tokio::test]
async fn a_broken_range_is_read_again_and_the_ones_before_it_are_not() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let (image, layer) = big();
    from.push("team/app", Some("v1"), &image);
    from.quirks(|quirks| {
        quirks.faults = vec![Fault::new("GET", &layer, 1, What::CutReply(400_000))];
    });
    done(&request(&from, &to), &in_ranges()).await;
    assert!(is_whole(&to.repository("dr/team/app"), &reference("v1")).await);
    // The first four were on their way.
    assert!(asked(&from, &layer).len() <= 10 + 4);
}

#[tokio::test]
async fn a_registry_without_ranges_gives_the_layer_in_one_piece() {
    let from = Fake::with(|quirks| quirks.ignores_range = true).await;
    let to = Fake::start().await;
    let (image, layer) = big();
    from.push("team/app", Some("v1"), &image);
    done(&request(&from, &to), &in_ranges()).await;
    assert!(is_whole(&to.repository("dr/team/app"), &reference("v1")).await);
    assert_eq!(asked(&from, &layer).len(), 1);
}
