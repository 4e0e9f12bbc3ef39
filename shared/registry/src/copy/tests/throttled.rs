//! Registries that take only so many requests a second.

use super::*;
use crate::fake::{ImageSpec, Throttle, bytes_of_size, image};

fn throttle(method: &'static str, path: &'static str, per_second: usize) -> Throttle {
    Throttle {
        method,
        path,
        per_second,
        retry_after: None,
        served: Vec::new(),
    }
}

#[tokio::test]
async fn many_images_arrive_at_a_registry_that_throttles_with_few_refusals() {
    for (method, path, per_second) in [("PUT", "/manifests/", 10), ("POST", "/uploads/", 20)] {
        let (from, to) = (Fake::start().await, Fake::start().await);
        to.quirks(|quirks| quirks.throttle = Some(throttle(method, path, per_second)));
        let client = crate::fake::client().build().unwrap();
        let repository = |fake: &Fake, path: &str| -> Place {
            let place = client.repository(&fake.host(), &path.parse().unwrap());
            place.unwrap().into()
        };
        let mut requests = Vec::new();
        for n in 0..30 {
            let image = image(ImageSpec {
                layers: vec![bytes_of_size(1000, n)],
                ..ImageSpec::default()
            });
            from.push("team/app", Some(&format!("v{n}")), &image);
            requests.push(CopyRequest {
                from: repository(&from, "team/app"),
                reference: reference(&format!("v{n}")),
                to: repository(&to, "dr/team/app"),
                tag: Some(format!("v{n}").parse().unwrap()),
            });
        }
        let outcomes = copy_many(&requests, &CopyOptions::default(), 20).await;
        for outcome in &outcomes {
            assert!(outcome.as_ref().unwrap().report().is_some());
        }
        let refused = to
            .log()
            .iter()
            .filter(|logged| logged.status == 429)
            .count();
        // Twenty at once ran into the limit, and hardly anybody after them.
        assert!(refused <= 20, "{refused} refusals of {method}");
    }
}

#[tokio::test]
async fn a_busy_registry_is_not_asked_before_the_time_it_named() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    from.push("team/app", Some("v1"), &image(ImageSpec::default()));
    to.quirks(|quirks| {
        let headers = vec![("retry-after", "1".to_owned())];
        let what = crate::fake::What::Status(503, headers, "UNAVAILABLE");
        quirks.faults = vec![crate::fake::Fault::new("HEAD", "/manifests/", 1, what)];
    });
    let began = std::time::Instant::now();
    done(&request(&from, &to), &CopyOptions::default()).await;
    assert!(began.elapsed() >= std::time::Duration::from_millis(950));
}
