//! AWS APIs that answer every call with "not allowed": for measuring a function's own start-up. One
//! that does not answer at all would be asked again and again, and that would be measured instead.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const ANSWER: &str = "HTTP/1.1 400 Bad Request\r\n\
    Content-Type: application/x-amz-json-1.1\r\n\
    Content-Length: 58\r\n\
    Connection: close\r\n\r\n\
    {\"__type\":\"AccessDeniedException\",\"message\":\"not allowed\"}";

/// A server on the loopback interface; it ends with this value.
#[derive(Debug)]
pub struct RefusingApi {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl RefusingApi {
    /// Starts it at any free port.
    ///
    /// # Errors
    /// When no port can be listened on.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(refuse(stream));
            }
        });
        Ok(Self { address, task })
    }

    /// The value for `AWS_ENDPOINT_URL`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for RefusingApi {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers one request; whatever goes wrong is the client's to notice.
async fn refuse(mut stream: TcpStream) {
    let mut request = [0; 16 << 10];
    let _ = stream.read(&mut request).await;
    let _ = stream.write_all(ANSWER.as_bytes()).await;
    let _ = stream.shutdown().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_answer_is_as_long_as_it_says() {
        let api = RefusingApi::start().await.unwrap();
        let mut stream = TcpStream::connect(api.address).await.unwrap();
        stream.write_all(b"POST / HTTP/1.1\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("Content-Length: {}", body.len())),
            "{answer}"
        );
    }
}
