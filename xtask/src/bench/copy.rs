//! `steward copy` against its peers, between two CNCF Distribution registries on this machine.
//!
//! Every program copies the same images into a registry of its own that begins empty, round after
//! round, one program after the other, so that what else the machine does falls upon all of them.

mod case;
mod certificate;
mod peer;
mod process;
mod registry;
mod table;

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context as _;
use steward_testkit::cloud::paths;
use steward_testkit::image::push;
use steward_testkit::toll::{Toll, TollGate};

use self::case::{Case, Pushed};
use self::certificate::Certificate;
pub(super) use self::peer::Peer;
use self::process::{Usage, run};
use self::registry::Registry;
use self::table::{Row, Traffic};
use crate::term;

/// Finds the programs that take part: ours, skopeo, and those that are on this machine.
pub(super) fn peers() -> anyhow::Result<Vec<Peer>> {
    peer::all()
}

/// Measures every case whose name contains `only`, and returns one table for each.
pub(super) async fn measure(
    registry: &Path,
    peers: &[Peer],
    rounds: usize,
    only: Option<&str>,
) -> anyhow::Result<Vec<String>> {
    let folder = paths::local().join(format!("bench-{}", std::process::id()));
    let bench = Bench {
        registry,
        folder: &folder,
        peers,
        rounds: rounds.max(1),
    };
    let mut lines = Vec::new();
    let result = async {
        for make in case::ALL {
            let (name, make) = *make;
            if only.is_none_or(|only| name.contains(only)) {
                lines.extend(bench.case(name, &make()).await?);
            }
        }
        anyhow::Ok(())
    }
    .await;
    let _ = std::fs::remove_dir_all(&folder);
    result.map(|()| lines)
}

struct Bench<'a> {
    registry: &'a Path,
    folder: &'a Path,
    peers: &'a [Peer],
    rounds: usize,
}

impl Bench<'_> {
    async fn case(&self, name: &str, case: &Case) -> anyhow::Result<Vec<String>> {
        term::step(format!("{name}: pushing what will be copied"));
        let content = self.folder.join("source");
        // What is copied is brought without TLS; the registry that serves it is started anew.
        let mut source = Registry::start(self.registry, &content, None)?;
        push_all(&source, &case.images).await?;
        let certificate = match case.tls {
            true => Some(Certificate::make(&self.folder.join("tls"))?),
            false => None,
        };
        if let Some(certificate) = &certificate {
            drop(source);
            source = Registry::start(self.registry, &content, Some(certificate))?;
        }
        let mut rows: Vec<(&Peer, Row)> = self
            .peers
            .iter()
            .filter(|peer| case.copies.len() > 1 || !peer.is_for_many())
            .map(|peer| (peer, Row::new(peer.name)))
            .collect();
        let programs = rows.len();
        for round in 1..=self.rounds {
            // Each round begins with another program: being the first one may be worth something.
            for turn in 0..programs {
                let Some((peer, row)) = rows.get_mut((round - 1 + turn) % programs) else {
                    continue;
                };
                if row.failure.is_some() {
                    continue;
                }
                term::step(format!("{name}: {}, {round} of {}", peer.name, self.rounds));
                match self.once(peer, case, &source, certificate.as_ref()).await {
                    Ok((usage, traffic)) => row.add(usage, traffic),
                    // A peer that cannot do it has lost this case, and that is told.
                    Err(error) if peer.is_ours() => return Err(error),
                    Err(error) => row.failure = Some(format!("{error:#}")),
                }
            }
        }
        drop(source);
        let _ = std::fs::remove_dir_all(self.folder);
        let rows: Vec<Row> = rows.into_iter().map(|(_, row)| row).collect();
        Ok(table::lines(name, case, &rows))
    }

    /// One program, one round.
    async fn once(
        &self,
        peer: &Peer,
        case: &Case,
        source: &Registry,
        certificate: Option<&Certificate>,
    ) -> anyhow::Result<(Usage, Traffic)> {
        let place = self.folder.join("target");
        // A run that failed has left what it moved.
        let _ = std::fs::remove_dir_all(&place);
        let target = Registry::start(self.registry, &place, certificate)?;
        push_all(&target, &case.there).await?;
        let gates = match case.toll {
            None => None,
            Some(toll) => Some(Gates::start(source, &target, toll).await?),
        };
        let (from, to) = match &gates {
            None => (source.address().to_owned(), target.address().to_owned()),
            Some(gates) => (
                gates.source.addr().to_string(),
                gates.target.addr().to_string(),
            ),
        };
        // Or one program would wait for what another one wrote.
        nix::unistd::sync();
        let before = Traffic::of(source, &target)?;
        let mut used = Usage::default();
        let chain = certificate.map(|certificate| certificate.chain.as_path());
        for mut command in peer.copies(&from, &to, &case.copies, self.folder, chain)? {
            used += run(&mut command)?;
        }
        let mut traffic = Traffic::of(source, &target)?.since(before);
        if let Some(gates) = &gates {
            traffic.refused = gates.source.passed().refused + gates.target.passed().refused;
        }
        for pushed in &case.images {
            target.check(pushed)?;
        }
        Ok((used, traffic))
    }
}

/// What stands before both registries where passing has a price.
struct Gates {
    source: TollGate,
    target: TollGate,
}

impl Gates {
    async fn start(source: &Registry, target: &Registry, toll: Toll) -> anyhow::Result<Self> {
        let gate = async |registry: &Registry| {
            let address: SocketAddr = registry.address().parse()?;
            anyhow::Ok(TollGate::start(address, toll).await?)
        };
        Ok(Self {
            source: gate(source).await?,
            target: gate(target).await?,
        })
    }
}

async fn push_all(registry: &Registry, images: &[Pushed]) -> anyhow::Result<()> {
    let address = format!("http://{}", registry.address());
    for Pushed { name, tag, image } in images {
        push(&address, name, Some(tag), image)
            .await
            .with_context(|| format!("cannot push {name}:{tag}"))?;
    }
    Ok(())
}
