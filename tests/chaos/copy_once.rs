//! Copies one image and ends: `copy-once FROM TO REPOSITORY TAG`. A process to be killed.

use std::error::Error;

use steward_registry::{Client, CopyOptions, CopyRequest, RetryPolicy, copy};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [from, to, repository, tag] = arguments.as_slice() else {
        return Err("usage: copy-once FROM TO REPOSITORY TAG".into());
    };
    let client = Client::builder().retry(RetryPolicy::immediate()).build()?;
    let path = repository.parse()?;
    let request = CopyRequest {
        from: client.repository(&from.parse()?, &path)?.into(),
        reference: tag.parse()?,
        to: client.repository(&to.parse()?, &path)?.into(),
        tag: Some(tag.parse()?),
    };
    let options = CopyOptions {
        referrers: true,
        ..CopyOptions::default()
    };
    copy(&request, &options).await?;
    Ok(())
}
