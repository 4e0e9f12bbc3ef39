//! The cutting proxy between a real client and a real server of TCP.

#![expect(clippy::expect_used, reason = "a failed expectation fails the test")]

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use steward_testkit::faults::{Cut, Direction, Ending, FaultProxy, Mode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const SOON: Duration = Duration::from_secs(10);

/// Answers each connection: reads 8 bytes, a length; sends so many bytes; then echoes.
async fn target() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listen");
    let address = listener.local_addr().expect("address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let length = usize::try_from(stream.read_u64().await?).unwrap_or(0);
                stream.write_all(&vec![7; length]).await?;
                let (mut from, mut to) = stream.split();
                tokio::io::copy(&mut from, &mut to).await?;
                io::Result::Ok(())
            });
        }
    });
    address
}

async fn proxy() -> FaultProxy {
    FaultProxy::start(target().await)
        .await
        .expect("the proxy starts")
}

/// Asks for so many bytes; returns how many came, and how it ended.
async fn download(proxy: &FaultProxy, length: u64) -> (usize, io::Result<()>) {
    let exchange = async {
        let mut stream = TcpStream::connect(proxy.addr()).await?;
        stream.write_u64(length).await?;
        stream.shutdown().await?;
        let mut received = 0;
        let mut piece = vec![0; 16 << 10];
        loop {
            match stream.read(&mut piece).await {
                Ok(0) => return io::Result::Ok((received, Ok(()))),
                Ok(read) => received += read,
                Err(error) => return Ok((received, Err(error))),
            }
        }
    };
    let result = tokio::time::timeout(SOON, exchange).await.expect("in time");
    result.unwrap_or_else(|error| (0, Err(error)))
}

/// Polls until the condition holds.
async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < SOON, "never: {what}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn bytes_pass_both_ways_and_are_counted() {
    let proxy = proxy().await;
    let mut stream = TcpStream::connect(proxy.addr()).await.expect("connect");
    stream.write_u64(3).await.expect("send");
    stream
        .write_all(b"GET / HTTP/1.1\r\n\r\n")
        .await
        .expect("send");
    stream.shutdown().await.expect("end");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("receive");
    assert_eq!(answer, b"\x07\x07\x07GET / HTTP/1.1\r\n\r\n");
    let counts = proxy.counts();
    assert_eq!((counts.connections, counts.requests), (1, 1));
    assert_eq!((counts.to_target, counts.to_client), (26, 21));
    proxy.reset_counts();
    assert_eq!(proxy.counts().to_target, 0);
}

#[tokio::test]
async fn a_download_is_cut_after_exactly_so_many_bytes_so_often() {
    let proxy = proxy().await;
    proxy.cut(Cut {
        ending: Ending::Close,
        ..Cut::download(100_000, 2)
    });
    for (length, received) in [
        (1_000, 1_000),
        (300_000, 100_000),
        (100_001, 100_000),
        (300_000, 300_000),
    ] {
        assert_eq!(download(&proxy, length).await.0, received, "{length}");
    }
    assert_eq!(proxy.cuts_made(), 2);
    assert_eq!(proxy.counts().to_client, 501_000);
}

#[tokio::test]
async fn a_reset_is_seen_as_an_error() {
    let proxy = proxy().await;
    proxy.cut(Cut::download(1_000, 1));
    let (received, ending) = download(&proxy, 50_000_000).await;
    assert!(received <= 1_000, "{received}");
    assert_eq!(
        ending.expect_err("a reset").kind(),
        io::ErrorKind::ConnectionReset
    );
    proxy.cut(Cut::download(0, 9));
    proxy.heal();
    assert!(download(&proxy, 10).await.1.is_ok());
}

#[tokio::test]
async fn an_upload_is_cut_too() {
    let proxy = proxy().await;
    proxy.cut(Cut {
        direction: Direction::ToTarget,
        after: 108,
        connections: 1,
        ending: Ending::Reset,
    });
    let mut stream = TcpStream::connect(proxy.addr()).await.expect("connect");
    stream.write_u64(0).await.expect("send");
    stream.write_all(&[1; 500]).await.expect("send");
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(SOON, stream.read_to_end(&mut answer))
        .await
        .expect("in time");
    assert!(ended.is_err(), "{ended:?}");
    assert_eq!(proxy.counts().to_target, 108);
    assert_eq!(proxy.cuts_made(), 1);
}

#[tokio::test]
async fn refusing_is_a_refused_connection_and_can_end() {
    let proxy = proxy().await;
    let mut open = TcpStream::connect(proxy.addr()).await.expect("connect");
    open.write_u64(1).await.expect("send");
    open.read_u8().await.expect("forwarded");
    for _ in 0..3 {
        proxy.set_mode(Mode::Refusing).await.expect("down");
        assert_eq!(proxy.mode(), Mode::Refusing);
        let refused = TcpStream::connect(proxy.addr()).await.expect_err("refused");
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        proxy.set_mode(Mode::Up).await.expect("up");
        assert_eq!(download(&proxy, 5).await.0, 5);
    }
    let ended = tokio::time::timeout(SOON, open.read_u8())
        .await
        .expect("in time");
    assert!(ended.is_err(), "an open connection ends as well");
}

#[tokio::test]
async fn silence_ends_when_the_proxy_is_up_again() {
    let proxy = proxy().await;
    proxy.set_mode(Mode::Silent).await.expect("silent");
    let mut stream = TcpStream::connect(proxy.addr()).await.expect("accepted");
    stream.write_u64(1).await.expect("send");
    let nothing = tokio::time::timeout(Duration::from_millis(100), stream.read_u8()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    proxy.set_mode(Mode::Up).await.expect("up");
    let answer = tokio::time::timeout(SOON, stream.read_u8())
        .await
        .expect("in time");
    assert_eq!(answer.expect("an answer"), 7);
}

#[tokio::test]
async fn a_delay_holds_data_back() {
    let proxy = proxy().await;
    proxy.set_delay(Duration::from_millis(60));
    let begun = Instant::now();
    assert_eq!(download(&proxy, 1).await.0, 1);
    assert!(
        begun.elapsed() >= Duration::from_millis(120),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn an_unreachable_target_resets_the_client() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listen");
    let gone = listener.local_addr().expect("address");
    drop(listener);
    let proxy = FaultProxy::start(gone).await.expect("the proxy starts");
    assert!(download(&proxy, 1).await.1.is_err());
}

#[tokio::test]
async fn a_dropped_proxy_closes_its_port_and_its_connections() {
    let proxy = proxy().await;
    let address = proxy.addr();
    let mut open = TcpStream::connect(address).await.expect("connect");
    open.write_u64(1).await.expect("send");
    open.read_u8().await.expect("forwarded");
    drop(proxy);
    let ended = tokio::time::timeout(SOON, open.read_u8())
        .await
        .expect("in time");
    assert!(ended.is_err());
    eventually("the port is closed", || {
        std::net::TcpStream::connect(address).is_err()
    })
    .await;
}
