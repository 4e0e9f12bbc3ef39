//! stub
use std::sync::Arc;
use super::Credentials;
pub(crate) struct Scope;
pub(crate) struct Session { pub(crate) credentials: Arc<dyn Credentials> }
impl Session { pub(crate) fn new(credentials: Arc<dyn Credentials>) -> Self { Self { credentials } } }
