//! The inbox over HTTP, and its page in a real browser.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a failed expectation fails the test"
)]

#[path = "inbox/browser.rs"]
mod browser;
#[path = "inbox/http.rs"]
mod http;
#[path = "inbox/page.rs"]
mod page;
#[path = "inbox/receive.rs"]
mod receive;
