use super::*;
use crate::fake::{ImageSpec, image, index, referrer};

#[tokio::test]
async fn referrers_travel_with_their_image_and_theirs_with_them() {
    for (source_api, target_api, silent) in [
        (true, true, false),
        (true, true, true),
        (true, false, false),
        (false, true, false),
        (false, false, false),
    ] {
        let from = Fake::with(|quirks| quirks.referrers_api = source_api).await;
        let to = Fake::with(|quirks| {
            quirks.referrers_api = target_api;
            quirks.silent_subject = silent;
        })
        .await;
        let app = index(vec![image(ImageSpec::default())]);
        let signature = referrer(&app, 1);
        let countersignature = referrer(&signature, 2);
        let on_child = referrer(&app.children[0], 3);
        from.push("team/app", Some("v1"), &app);
        for (subject, image) in [
            (&app, &signature),
            (&signature, &countersignature),
            (&app.children[0], &on_child),
        ] {
            from.push("team/app", None, image);
            if !source_api {
                let mut list = index(vec![image.clone()]);
                list.children.clear();
                from.push("team/app", Some(&subject.digest.replace(':', "-")), &list);
            }
        }
        let report = done(&request(&from, &to), &with_referrers()).await;
        let case = format!("{source_api} {target_api}");
        assert_eq!(report.referrers, 3, "{case}");
        let target = to.repository("dr/team/app");
        for (subject, expected) in [
            (&app, &signature),
            (&signature, &countersignature),
            (&app.children[0], &on_child),
        ] {
            let subject = subject.digest.parse().unwrap();
            let found = target.referrers(&subject, None).await.unwrap();
            assert_eq!(found.len(), 1, "{case}");
            assert_eq!(found[0].digest.as_str(), expected.digest, "{case}");
            assert!(
                is_whole(&target, &reference(&expected.digest)).await,
                "{case}"
            );
            let other = target
                .referrers(&subject, Some("text/plain"))
                .await
                .unwrap();
            assert!(other.is_empty(), "{case}");
        }
        let fallback = app.digest.replace(':', "-");
        assert_eq!(
            to.tagged("dr/team/app", &fallback).is_some(),
            !target_api,
            "a tag of the tag schema only where there is no API"
        );
    }
}

#[tokio::test]
async fn a_new_signature_of_an_unchanged_image_travels_alone() {
    let from = Fake::with(|quirks| quirks.referrers_api = true).await;
    let to = Fake::start().await;
    let app = image(ImageSpec::default());
    from.push("team/app", Some("v1"), &app);
    from.push("team/app", None, &referrer(&app, 1));
    let request = request(&from, &to);
    assert_eq!(done(&request, &with_referrers()).await.referrers, 1);
    from.push("team/app", None, &referrer(&app, 2));
    let report = done(&request, &with_referrers()).await;
    assert!(report.unchanged);
    assert_eq!(report.referrers, 2);
    let subject = app.digest.parse().unwrap();
    let found = to
        .repository("dr/team/app")
        .referrers(&subject, None)
        .await
        .unwrap();
    assert_eq!(found.len(), 2, "both are listed by the tag schema");
    to.forget_log();
    done(&request, &with_referrers()).await;
    assert_eq!(to.count("PUT", ""), 0, "a third time writes nothing");
}

#[tokio::test]
async fn without_being_asked_no_referrers_are_looked_for() {
    let from = Fake::with(|quirks| quirks.referrers_api = true).await;
    let to = Fake::start().await;
    let app = image(ImageSpec::default());
    from.push("team/app", Some("v1"), &app);
    from.push("team/app", None, &referrer(&app, 1));
    let report = done(&request(&from, &to), &CopyOptions::default()).await;
    assert_eq!(report.referrers, 0);
    assert_eq!(from.count("GET", "/referrers/"), 0);
}

#[tokio::test]
async fn what_cosign_keeps_under_tags_travels_where_asked_for() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let app = image(ImageSpec::default());
    let signature = image(ImageSpec {
        layers: vec![b"signed".to_vec()],
        ..ImageSpec::default()
    });
    let tag = format!("{}.sig", app.digest.replace(':', "-"));
    from.push("team/app", Some("v1"), &app);
    from.push("team/app", Some(&tag), &signature);
    let request = request(&from, &to);
    done(&request, &CopyOptions::default()).await;
    assert_eq!(to.tagged("dr/team/app", &tag), None);
    let options = CopyOptions {
        cosign_tags: true,
        ..CopyOptions::default()
    };
    for _ in 0..2 {
        let report = done(&request, &options).await;
        assert_eq!(report.referrers, 1);
        assert_eq!(
            to.tagged("dr/team/app", &tag),
            Some(signature.digest.clone())
        );
    }
    assert_eq!(to.count("PUT", &tag), 1);
}
