//! MongoDB beside the cluster, as production has it: a replica set with authentication, and with TLS by an authority of its
//! own, under a name that machine and pods both know.

use std::{fs, path::Path, time::Duration};

use anyhow::Context;
use mongodb::bson::doc;

use crate::{
    certificates::Certificates,
    files::{private_folder, random_secret, write_private},
    kubeconfig::use_ring,
    mongod::{ADMINISTRATOR, REPLICA_SET, command_on_admin, connect, is_primary, start_secure},
    processes::Process,
};

/// Its name.
pub(crate) const HOST: &str = "mongodb.chakravue.test";
/// The port that most have.
pub(crate) const PORT: u16 = 27017;
/// Where the chart puts the authority's certificate in pods.
pub const AUTHORITY_IN_PODS: &str = "/etc/chakravue/mongodb-ca/ca.crt";

const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Mongodb {
    /// The connection string of an administrator, for this machine.
    pub(crate) administrator: String,
    process: Process,
}

impl Mongodb {
    pub(crate) async fn start(program: &Path, folder: &Path, certificates: &Certificates) -> anyhow::Result<Self> {
        use_ring();
        let home = folder.join("mongodb");
        let data = home.join("data");
        private_folder(&home)?;
        private_folder(&data)?;
        let key_file = home.join("keyfile");
        write_private(&key_file, &random_secret(512))?;
        // It wants certificate and key in one file.
        let identity = home.join("server.pem");
        let part = |path| fs::read_to_string(path).context("cannot read a certificate of the cluster");
        write_private(&identity, &(part(certificates.certificate("server"))? + &part(certificates.key("server"))?))?;
        let authority = certificates.certificate("ca");

        let log = folder.join("logs/mongod.log");
        let process = start_secure(program, &data, &key_file, (&identity, &authority), PORT, &log)?;
        let tls = format!("tls=true&tlsCAFile={}", authority.display());
        // Only from the same machine may the first user be made without being one.
        let bare = connect(&format!("mongodb://127.0.0.1:{PORT}/?directConnection=true&{tls}")).await?;
        let listens = || async { command_on_admin(&bare, doc! { "hello": 1 }).await.is_ok() };
        process.until("listening", PATIENCE, listens).await?;
        let member = doc! { "_id": 0, "host": format!("{HOST}:{PORT}") };
        let set = doc! { "_id": REPLICA_SET, "members": [member] };
        command_on_admin(&bare, doc! { "replSetInitiate": set }).await.context("cannot start the replica set")?;
        process.until("a writable primary", PATIENCE, || is_primary(&bare)).await?;
        let password = random_secret(32);
        let user = doc! { "createUser": ADMINISTRATOR, "pwd": &password, "roles": ["root"] };
        command_on_admin(&bare, user).await.context("cannot create MongoDB's first administrator")?;
        let administrator = format!(
            "mongodb://{ADMINISTRATOR}:{password}@{HOST}:{PORT}/?authSource=admin&replicaSet={REPLICA_SET}&{tls}"
        );
        Ok(Self { administrator, process })
    }

    pub(crate) fn process(&self) -> &Process {
        &self.process
    }
}
