//! One password hash with nothing around it: at the cost that the API has, with memory that is kept, as the API's threads
//! keep theirs.

use std::hint::black_box;

use anyhow::anyhow;
use argon2::{Argon2, Block};

use crate::workplace::PASSWORD;

pub struct BareHash {
    argon2: Argon2<'static>,
    memory: Vec<Block>,
}

impl BareHash {
    pub fn new() -> Self {
        let argon2 = Argon2::default();
        let memory = vec![Block::new(); argon2.params().block_count()];
        Self { argon2, memory }
    }

    pub fn make(&mut self) -> anyhow::Result<()> {
        let mut hash = [0; 32];
        let Self { argon2, memory } = self;
        argon2
            .hash_password_into_with_memory(PASSWORD.as_bytes(), &[7; 16], &mut hash, memory)
            .map_err(|error| anyhow!("argon2: {error}"))?;
        black_box(hash);
        Ok(())
    }
}
