//! What the function works with, in memory.

use super::*;

/// A manifest with its true digest.
pub(super) fn manifest(body: &str) -> Manifest {
    Manifest {
        body: body.to_owned(),
        media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
        digest: Digest::from_sha256(&sha2::Sha256::digest(body).into()),
    }
}

/// What somebody else does while an image is copied.
pub(super) type Meanwhile = Box<dyn FnOnce(&FakeEcr) + Send>;

/// Copies within a [`FakeEcr`]; runs something in between, for races.
pub(super) struct FakeMover {
    pub(super) ecr: Arc<FakeEcr>,
    pub(super) replica: Arc<FakeEcr>,
    pub(super) meanwhile: Mutex<Option<Meanwhile>>,
    pub(super) failing: Mutex<Option<fn() -> Failure>>,
}

impl FakeMover {
    async fn bring(
        &self,
        from: &FakeEcr,
        place: &RepositoryName,
        digest: &Digest,
        to: &RepositoryName,
        tag: Option<&Tag>,
    ) -> Result<bool, Failure> {
        if let Some(failure) = *self.failing.lock().unwrap() {
            return Err(failure());
        }
        let reference = Reference::Digest(digest.clone());
        let Some(manifest) = from.get_manifest(place, &reference).await? else {
            return Ok(false);
        };
        self.ecr.push(to, &manifest, tag);
        if let Some(meanwhile) = self.meanwhile.lock().unwrap().take() {
            meanwhile(&self.ecr);
        }
        Ok(true)
    }
}

#[async_trait]
impl Mover for FakeMover {
    async fn copy(
        &self,
        _registry: &RegistryHost,
        from: &RepositoryName,
        digest: &Digest,
        to: &RepositoryName,
        tag: Option<&Tag>,
    ) -> Result<(), Failure> {
        assert!(self.bring(&self.ecr, from, digest, to, tag).await?);
        Ok(())
    }

    async fn fetch(
        &self,
        _target: &ReplicationTarget,
        image: &ImageRef,
        _registry: &RegistryHost,
        to: &RepositoryName,
    ) -> Result<bool, Failure> {
        let place = RepositoryName::try_from(&image.repository).unwrap();
        let digest = image.digest.as_ref().unwrap();
        self.bring(&self.replica, &place, digest, to, None).await
    }
}

/// Configurations and referrers by digest.
#[derive(Default)]
pub(super) struct FakeContent {
    pub(super) configs: Mutex<BTreeMap<Digest, Vec<u8>>>,
    pub(super) referrers: Mutex<BTreeMap<Digest, Vec<ReferrerFacts>>>,
}

#[async_trait]
impl Content for FakeContent {
    async fn config(
        &self,
        _registry: &RegistryHost,
        _repository: &RepositoryName,
        digest: &Digest,
        _size: u64,
    ) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.configs.lock().unwrap().get(digest).cloned())
    }

    async fn referrers(
        &self,
        _registry: &RegistryHost,
        _repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Vec<ReferrerFacts>, Failure> {
        let known = self.referrers.lock().unwrap();
        Ok(known.get(digest).cloned().unwrap_or_default())
    }
}
