use std::io::{Read, Write};
use std::net::TcpListener;

use super::*;

fn request(uri: &str, body: SdkBody) -> HttpRequest {
    let request = http::Request::builder()
        .method("POST")
        .uri(uri)
        .header("x-amz-target", "Service.Operation")
        .body(body)
        .unwrap();
    HttpRequest::try_from(request).unwrap()
}

async fn call(request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    Connections::default().call(request).await
}

/// Answers one connection with these bytes and gives back what it was sent.
fn server(answer: &'static [u8]) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut sent = Vec::new();
        let mut buffer = [0; 4096];
        while !sent.ends_with(b"{\"a\":1}") {
            let read = stream.read(&mut buffer).unwrap();
            assert_ne!(read, 0, "the request ended early");
            sent.extend_from_slice(&buffer[..read]);
        }
        stream.write_all(answer).unwrap();
        String::from_utf8(sent).unwrap()
    });
    (address, thread)
}

#[test]
fn the_client_can_be_built() {
    build().unwrap();
}

#[tokio::test]
async fn a_request_goes_out_as_it_is_and_the_answer_comes_back() {
    let (address, thread) =
        server(b"HTTP/1.1 418 I'm a teapot\r\nx-amzn-requestid: 7\r\ncontent-length: 2\r\n\r\n{}");
    let mut response = call(request(
        &format!("{address}/a%2Fb?c=%20d"),
        SdkBody::from("{\"a\":1}"),
    ))
    .await
    .unwrap();
    assert_eq!(response.status().as_u16(), 418);
    assert_eq!(response.headers().get("x-amzn-requestid"), Some("7"));
    let body = aws_smithy_types::byte_stream::ByteStream::new(response.take_body())
        .collect()
        .await
        .unwrap();
    assert_eq!(&body.to_vec(), b"{}");
    let sent = thread.join().unwrap();
    assert!(
        sent.starts_with("POST /a%2Fb?c=%20d HTTP/1.1\r\n"),
        "{sent}"
    );
    assert!(
        sent.contains("x-amz-target: Service.Operation\r\n"),
        "{sent}"
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (address, thread) = server(
        b"HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
    );
    let response = call(request(&address, SdkBody::from("{\"a\":1}")))
        .await
        .unwrap();
    assert_eq!(response.status().as_u16(), 307);
    thread.join().unwrap();
}

#[tokio::test]
async fn a_refused_connection_is_one_that_the_sdk_tries_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = call(request(&address, SdkBody::from("{\"a\":1}")))
        .await
        .unwrap_err();
    assert!(error.is_io(), "{error:?}");
}

#[tokio::test]
async fn a_cut_answer_is_one_that_the_sdk_tries_again() {
    let (address, thread) = server(b"HTTP/1.1 200 O");
    let error = call(request(&address, SdkBody::from("{\"a\":1}")))
        .await
        .unwrap_err();
    assert!(error.is_io(), "{error:?}");
    thread.join().unwrap();
}
