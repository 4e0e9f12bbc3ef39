use super::{CopyError, CopyOptions, CopyRequest, Outcome};
use crate::error::RegistryError;
pub(super) async fn run(_: &CopyRequest, _: &CopyOptions) -> Result<Outcome, CopyError> {
    Err(CopyError::Source(RegistryError::Setup("not there yet".into())))
}
