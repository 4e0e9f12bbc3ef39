use super::*;
use crate::fake::{Fault, ImageSpec, What, bytes_of_size, image, index, referrer};
use crate::layout::Layout;

#[tokio::test]
async fn an_image_goes_into_a_folder_and_out_again() {
    let folder = tempfile::tempdir().unwrap();
    let from = Fake::with(|quirks| quirks.referrers_api = true).await;
    let to = Fake::with(|quirks| quirks.referrers_api = true).await;
    let app = index(vec![
        image(ImageSpec::default()),
        image(ImageSpec {
            layers: vec![bytes_of_size(600_000, 5), Vec::new()],
            ..ImageSpec::default()
        }),
    ]);
    let signature = referrer(&app, 1);
    from.push("team/app", Some("v1"), &app);
    from.push("team/app", None, &signature);
    let layout = Layout::create(&folder.path().join("images")).await.unwrap();
    let mut into = request(&from, &to);
    into.to = layout.clone().into();
    let report = done(&into, &with_referrers()).await;
    assert_eq!(report.digest.as_str(), app.digest);
    assert_eq!(report.requests.target, 0);
    assert!(done(&into, &with_referrers()).await.unchanged);

    let again = Layout::open(layout.path()).await.unwrap();
    let only = again.only_image().await.unwrap();
    assert_eq!(
        only.to_string(),
        app.digest,
        "the signature is no image of its own"
    );
    let mut out = request(&from, &to);
    out.from = again.into();
    let report = done(&out, &with_referrers()).await;
    assert_eq!((report.referrers, report.requests.source), (1, 0));
    let target = to.repository("dr/team/app");
    assert!(is_whole(&target, &reference("v1")).await);
    assert!(is_whole(&target, &reference(&signature.digest)).await);
}

#[tokio::test]
async fn a_moved_tag_of_a_folder_is_moved() {
    let folder = tempfile::tempdir().unwrap();
    let from = Fake::start().await;
    let layout = Layout::create(folder.path()).await.unwrap();
    let mut into = request(&from, &from);
    into.to = layout.clone().into();
    for seed in [1, 2] {
        let app = image(ImageSpec {
            layers: vec![bytes_of_size(100, seed)],
            ..ImageSpec::default()
        });
        from.push("team/app", Some("v1"), &app);
        done(&into, &CopyOptions::default()).await;
        let images = layout.images().await.unwrap();
        let tagged: Vec<&str> = images.iter().map(|image| image.digest.as_str()).collect();
        assert_eq!(tagged, [app.digest.as_str()]);
    }
}

#[tokio::test]
async fn a_broken_copy_leaves_no_half_file_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let from = Fake::start().await;
    let app = image(ImageSpec {
        layers: vec![bytes_of_size(600_000, 5)],
        ..ImageSpec::default()
    });
    from.push("team/app", Some("v1"), &app);
    from.quirks(|quirks| {
        let what = What::Bytes(bytes_of_size(600_000, 6));
        quirks.faults = vec![Fault::new("GET", "/blobs/", 1, what)];
    });
    let layout = Layout::create(folder.path()).await.unwrap();
    let mut into = request(&from, &from);
    into.to = layout.clone().into();
    let options = CopyOptions {
        concurrency: 1,
        ..CopyOptions::default()
    };
    assert!(copy(&into, &options).await.is_err());
    assert!(layout.images().await.unwrap().is_empty());
    let blobs = std::fs::read_dir(folder.path().join("blobs/sha256")).unwrap();
    assert_eq!(blobs.count(), 0);
}

#[tokio::test]
async fn a_file_of_the_wrong_length_or_no_manifest_is_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let from = Fake::start().await;
    let child = image(ImageSpec {
        layers: vec![bytes_of_size(600_000, 5)],
        ..ImageSpec::default()
    });
    let app = index(vec![child.clone()]);
    from.push("team/app", Some("v1"), &app);
    let layout = Layout::create(folder.path()).await.unwrap();
    let blobs = folder.path().join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    let file = |digest: &str| blobs.join(digest.trim_start_matches("sha256:"));
    // As a tool leaves them that was killed while it wrote in place.
    for (digest, bytes) in &child.blobs {
        std::fs::write(file(digest), &bytes[..bytes.len() - 1]).unwrap();
    }
    std::fs::write(file(&child.digest), "{").unwrap();
    let mut into = request(&from, &from);
    into.to = layout.clone().into();
    let report = done(&into, &CopyOptions::default()).await;
    assert_eq!((report.blobs.present, report.blobs.copied), (0, 2));
    for (digest, bytes) in &child.blobs {
        assert_eq!(&std::fs::read(file(digest)).unwrap(), bytes);
    }
    assert_eq!(std::fs::read(file(&child.digest)).unwrap(), child.manifest);
}

#[tokio::test]
async fn a_file_of_the_right_length_is_taken_by_its_name_and_noticed_when_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (Fake::start().await, Fake::start().await);
    let app = image(ImageSpec::default());
    from.push("team/app", Some("v1"), &app);
    let layout = Layout::create(folder.path()).await.unwrap();
    let blobs = folder.path().join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    for (digest, bytes) in &app.blobs {
        let name = digest.trim_start_matches("sha256:");
        std::fs::write(blobs.join(name), vec![0; bytes.len()]).unwrap();
    }
    let mut into = request(&from, &to);
    into.to = layout.clone().into();
    let report = done(&into, &CopyOptions::default()).await;
    assert_eq!(report.blobs.present, 2);
    let mut out = request(&from, &to);
    out.from = layout.into();
    let error = copy(&out, &CopyOptions::default()).await.unwrap_err();
    assert_eq!(error.error_type(), "digest_mismatch");
    assert_eq!(to.tagged("dr/team/app", "v1"), None);
}
