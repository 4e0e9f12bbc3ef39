use steward_aws::events::FakeEventBus;
use steward_core::event::outgoing::DetailType;

use super::*;

fn event() -> StewardEvent {
    StewardEvent::builder(DetailType::ImageQuarantined, "prod/app", "event-1")
        .account("111122223333".parse::<steward_core::AccountId>().unwrap())
        .region("cn-north-1".parse::<steward_core::Region>().unwrap())
        .rule("releases-only")
        .build()
}

#[tokio::test]
async fn an_event_goes_out_with_source_type_detail_and_repository() {
    let bus = Arc::new(FakeEventBus::default());
    BusSink::new(bus.clone()).put(&[event()]).await.unwrap();
    let put = bus.events();
    assert_eq!(put.len(), 1);
    assert_eq!(put[0].source, "ecr-steward");
    assert_eq!(put[0].detail_type, "Image Quarantined");
    assert_eq!(
        put[0].resources,
        ["arn:aws-cn:ecr:cn-north-1:111122223333:repository/prod/app"]
    );
    let detail: serde_json::Value = serde_json::from_str(&put[0].detail).unwrap();
    assert_eq!(detail["repository"], "prod/app");
    assert_eq!(detail["rule"], "releases-only");
}

#[tokio::test]
async fn a_failing_bus_is_a_transient_failure() {
    let bus = Arc::new(FakeEventBus::default());
    bus.fail(true);
    let error = BusSink::new(bus).put(&[event()]).await.unwrap_err();
    assert!(error.is_transient());
}
