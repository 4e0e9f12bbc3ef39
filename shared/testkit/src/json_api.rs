//! An AWS API of the JSON protocol (`X-Amz-Target`) that a closure answers: for tests and benchmarks of
//! a command that asks for more than a fake behind a trait could show.

use std::io::{self, BufRead, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use serde_json::Value;

/// Longest request that is read.
const MAX_REQUEST: usize = 1 << 20;

/// A server on the loopback interface that answers until the program ends, without a runtime of its own.
#[derive(Clone, Copy, Debug)]
pub struct JsonApi {
    address: SocketAddr,
}

impl JsonApi {
    /// Starts it at any free port. The closure gets the operation, like `DescribeImages`, and what was
    /// asked, and may be called from several threads at once.
    ///
    /// # Errors
    /// When no port can be listened on.
    pub fn start(
        answer: impl Fn(&str, &Value) -> Value + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let answer = Arc::new(answer);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let answer = Arc::clone(&answer);
                // A connection that breaks is the client's to notice.
                thread::spawn(move || serve(&stream, answer.as_ref()));
            }
        });
        Ok(Self { address })
    }

    /// The value for `AWS_ENDPOINT_URL`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn serve(mut stream: &TcpStream, answer: &impl Fn(&str, &Value) -> Value) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some((operation, asked)) = request(&mut reader)? {
        let answer = answer(&operation, &asked).to_string();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\n\
             Content-Length: {}\r\n\r\n{answer}",
            answer.len()
        )?;
    }
    Ok(())
}

/// The next operation and its input; nothing when the client has closed the connection.
fn request(reader: &mut impl BufRead) -> io::Result<Option<(String, Value)>> {
    let (mut operation, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim();
        let Some((name, value)) = line.split_once(':') else {
            if line.is_empty() {
                break;
            }
            // The request line.
            continue;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().map_err(io::Error::other)?,
            "x-amz-target" => {
                operation = value
                    .rsplit('.')
                    .next()
                    .unwrap_or_default()
                    .trim()
                    .to_owned();
            }
            _ => {}
        }
    }
    if length > MAX_REQUEST {
        return Err(io::Error::other("the request is too long"));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some((operation, serde_json::from_slice(&body)?)))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use serde_json::json;

    use super::*;

    #[test]
    fn the_operation_and_its_input_are_answered_one_after_the_other() {
        let api = JsonApi::start(|operation, asked| json!({ operation: asked["page"] })).unwrap();
        let mut stream = TcpStream::connect(api.url().trim_start_matches("http://")).unwrap();
        for page in [1, 2] {
            let body = json!({ "page": page }).to_string();
            write!(
                stream,
                "POST / HTTP/1.1\r\nx-amz-target: Service_V1.ListImages\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .unwrap();
            let wanted = json!({ "ListImages": page }).to_string();
            let mut got = String::new();
            while !got.ends_with(&wanted) {
                let mut bytes = [0; 256];
                let read = stream.read(&mut bytes).unwrap();
                assert!(read > 0, "{got}");
                got.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
            }
            assert!(got.starts_with("HTTP/1.1 200 OK\r\n"), "{got}");
        }
    }
}
