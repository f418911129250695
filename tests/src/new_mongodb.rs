//! A MongoDB beside the shared one that has had nothing to do yet. What a server has gone through slows it down for longer
//! than its databases are there, so what is compared begins on a new one each time.

use std::path::Path;

use anyhow::Context as _;
use tempfile::TempDir;

use crate::{
    install::MongodbLogin,
    mongod::Mongod,
    parts::{self, Wanted},
    ports::PortBook,
};

/// Ends when this is dropped, and its data go with it.
#[derive(Debug)]
pub struct NewMongodb {
    operator_uri: String,
    watch_uri: String,
    // Before the folder that it works in.
    mongod: Mongod,
    _folder: TempDir,
}

impl NewMongodb {
    pub(crate) async fn start(
        folder: &Path,
        operator: &MongodbLogin<'_>,
        watch: &MongodbLogin<'_>,
    ) -> anyhow::Result<Self> {
        let wanted = Wanted { kubernetes: false, mongod: true };
        let program = tokio::task::spawn_blocking(move || parts::prepare(wanted)).await??.mongod;
        let program = program.context("no mongod was prepared")?;
        let folder = tempfile::Builder::new().prefix("mongodb-").tempdir_in(folder)?;
        let mongod = Mongod::start(&program, folder.path(), &mut PortBook::forgetful()).await?;
        let operator_uri = operator.install(&mongod.uri).await?;
        let watch_uri = watch.install_watch(&mongod.uri).await?;
        Ok(Self { operator_uri, watch_uri, mongod, _folder: folder })
    }

    /// The connection string of its administrator.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.mongod.uri
    }

    /// The operator's connection string.
    #[must_use]
    pub fn operator_uri(&self) -> &str {
        &self.operator_uri
    }

    /// That of the login that watches for changes.
    #[must_use]
    pub fn watch_uri(&self) -> &str {
        &self.watch_uri
    }
}
