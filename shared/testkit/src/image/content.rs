//! Content that is made while it is read: a large layer is never in memory.

use std::io::{Cursor, Read};

use bytes::Bytes;
use flate2::{Compression, read::GzEncoder};
use sha2::{Digest as _, Sha256};
use steward_core::Digest;

/// How much is read at once.
const CHUNK: usize = 128 << 10;

/// What a blob consists of.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Bytes(Bytes),
    /// Pseudo-random bytes, exactly so many.
    Random {
        seed: u64,
        size: u64,
    },
    /// A tar of one file with so many pseudo-random bytes.
    Tar {
        seed: u64,
        size: u64,
    },
    /// The same, as gzip.
    TarGzip {
        seed: u64,
        size: u64,
    },
}

impl Content {
    pub(crate) fn open(&self) -> Box<dyn Read + Send> {
        match self {
            Self::Bytes(bytes) => Box::new(Cursor::new(bytes.clone())),
            Self::Random { seed, size } => Box::new(Random::new(*seed).take(*size)),
            Self::Tar { seed, size } => Box::new(tar(*seed, *size)),
            // Stored, not compressed: random bytes do not get smaller, and trying takes long.
            Self::TarGzip { seed, size } => {
                Box::new(GzEncoder::new(tar(*seed, *size), Compression::none()))
            }
        }
    }

    /// Size and digest.
    pub(crate) fn measure(&self) -> (u64, Digest) {
        let mut sum = Sha256::new();
        let mut size = 0;
        for chunk in self.chunks() {
            size += chunk.len() as u64;
            sum.update(&chunk);
        }
        (size, Digest::from_sha256(&sum.finalize().into()))
    }

    /// The content in pieces.
    pub(crate) fn chunks(&self) -> Chunks {
        Chunks(self.open())
    }
}

/// Pieces of content. Making it cannot fail: all readers are in memory.
pub(crate) struct Chunks(Box<dyn Read + Send>);

impl Iterator for Chunks {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let mut chunk = Vec::with_capacity(CHUNK);
        match (&mut self.0).take(CHUNK as u64).read_to_end(&mut chunk) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(chunk.into()),
        }
    }
}

/// The SHA-256 digest of bytes.
pub(crate) fn digest(bytes: &[u8]) -> Digest {
    let sum: [u8; 32] = Sha256::digest(bytes).into();
    Digest::from_sha256(&sum)
}

/// A tar archive of one file, made of header, content, padding and end.
fn tar(seed: u64, size: u64) -> impl Read + Send {
    let mut header = tar::Header::new_gnu();
    // The path is far below the header's 100 bytes, so it always fits.
    let _ = header.set_path(format!("data/{seed:016x}"));
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_cksum();
    let padding = size.next_multiple_of(512) - size + 1024;
    Cursor::new(header.as_bytes().to_vec())
        .chain(Random::new(seed).take(size))
        .chain(std::io::repeat(0).take(padding))
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same bytes for the same seed, for ever.
struct Random {
    state: u64,
    /// What is left of the last eight bytes, at the end of the array.
    word: [u8; 8],
    left: usize,
}

impl Random {
    fn new(seed: u64) -> Self {
        Self {
            state: seed,
            word: [0; 8],
            left: 0,
        }
    }

    fn next(&mut self) -> [u8; 8] {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)).to_le_bytes()
    }
}

impl Read for Random {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut rest = &mut *buffer;
        while !rest.is_empty() {
            if self.left == 0 {
                let (words, tail) = rest.as_chunks_mut::<8>();
                for word in words {
                    *word = self.next();
                }
                if tail.is_empty() {
                    break;
                }
                self.word = self.next();
                self.left = 8;
                rest = tail;
            }
            let from = self.word.get(8 - self.left..).unwrap_or_default();
            let count = from.len().min(rest.len());
            let (now, later) = rest.split_at_mut(count);
            now.copy_from_slice(from.get(..count).unwrap_or_default());
            self.left -= count;
            rest = later;
        }
        Ok(buffer.len())
    }
}
