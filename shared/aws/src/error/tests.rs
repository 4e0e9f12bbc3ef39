use super::*;

#[test]
fn codes_and_statuses_decide_the_kind() {
    for (code, status, kind) in [
        (Some("ThrottlingException"), 400, Kind::Throttled),
        (Some("SlowDown"), 503, Kind::Throttled),
        (None, 429, Kind::Throttled),
        (Some("ServerException"), 500, Kind::Unavailable),
        (None, 503, Kind::Unavailable),
        (None, 200, Kind::Unreadable),
        (Some("ExpiredTokenException"), 400, Kind::Credentials),
        (Some("AccessDeniedException"), 400, Kind::Denied),
        (Some("RepositoryNotFoundException"), 400, Kind::NotFound),
        (Some("NoSuchKey"), 404, Kind::NotFound),
        (Some("LimitExceededException"), 400, Kind::Quota),
        (Some("InvalidParameterException"), 400, Kind::Rejected),
    ] {
        assert_eq!(kind_of(code, status), kind, "{code:?} {status}");
    }
}

#[test]
fn display_names_service_operation_code_and_message_once() {
    let error = ServiceError::new("ecr", "PutImage", Kind::Denied, "role x may not")
        .with_code("AccessDeniedException");
    assert_eq!(
        error.to_string(),
        "not allowed to call ecr PutImage: AccessDeniedException: role x may not"
    );
    assert!(!error.is_transient());
    assert_eq!(error.error_type(), "aws_access_denied");
}
