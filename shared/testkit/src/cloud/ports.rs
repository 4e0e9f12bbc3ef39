//! Free ports on the loopback interface.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use super::error::CloudError;

/// A port that is free now: `preferred` where it is, else any.
///
/// Another program may take it before it is used, so whoever uses it must be ready to ask again.
pub(crate) fn free(preferred: Option<u16>) -> Result<u16, CloudError> {
    if let Some(port) = preferred
        && bind(port).is_ok()
    {
        return Ok(port);
    }
    let listener = bind(0).map_err(CloudError::Port)?;
    Ok(listener.local_addr().map_err(CloudError::Port)?.port())
}

fn bind(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_not_given() {
        let taken = bind(0).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert_ne!(free(Some(port)).unwrap(), port);
    }
}
