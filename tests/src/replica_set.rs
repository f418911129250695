//! A replica set of three mongods on loopback, with authentication on, whose members can be stopped one by one.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail};
use mongodb::{
    Client,
    bson::{Bson, doc},
    error::ErrorKind,
};

use crate::{
    files::{private_folder, random_secret, remembered_secret},
    kubeconfig::use_ring,
    mongod::{self, ADMINISTRATOR, REPLICA_SET, command_on_admin, connect},
    ports::{Port, PortBook},
    processes::Process,
};

/// Enough for a majority without one of them.
pub(crate) const MEMBERS: usize = 3;
const PATIENCE: Duration = Duration::from_mins(2);
/// An election takes a second or two.
const HANDED_OVER: Duration = Duration::from_secs(10);

pub(crate) struct ReplicaSet {
    /// The connection string of an administrator.
    pub(crate) uri: String,
    members: Vec<Member>,
    key_file: PathBuf,
}

struct Member {
    process: Process,
    port: Port,
    data: PathBuf,
    log: PathBuf,
}

impl ReplicaSet {
    /// Starts all members in `folder` and returns when one is a writable primary.
    pub(crate) async fn start(program: &Path, folder: &Path, port_book: &mut PortBook) -> anyhow::Result<Self> {
        use_ring();
        let home = folder.join("replica-set");
        private_folder(&home)?;
        let key_file = home.join("keyfile");
        remembered_secret(&key_file, 512)?;
        let mut members = Vec::new();
        for number in 0..MEMBERS {
            let data = home.join(format!("data-{number}"));
            private_folder(&data)?;
            let log = folder.join(format!("logs/mongod-{number}.log"));
            let port = port_book.take(&format!("mongod-{number}"))?;
            let process = mongod::start_member(program, &data, &key_file, &port, &log)?;
            members.push(Member { process, port, data, log });
        }
        for member in &members {
            member.until_listening().await?;
        }
        let hosts: Vec<String> = members.iter().map(|member| member.port.address()).collect();
        let first = connect(&format!("mongodb://{}/?directConnection=true", hosts[0])).await?;
        let config: Vec<Bson> = (0..)
            .zip(&hosts)
            .map(|(id, host): (i32, _)| {
                // The first one is the primary as long as nobody disturbs it.
                doc! { "_id": id, "host": host, "priority": if id == 0 { 2 } else { 1 } }.into()
            })
            .collect();
        // Elections in a second or two, as nobody here has a slow network.
        let settings = doc! { "electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500 };
        let config = doc! { "_id": REPLICA_SET, "members": config, "settings": settings };
        command_on_admin(&first, doc! { "replSetInitiate": config }).await.context("cannot start the replica set")?;
        members[0].process.until("a writable primary", PATIENCE, || mongod::is_primary(&first)).await?;
        let password = random_secret(32);
        let user = doc! { "createUser": ADMINISTRATOR, "pwd": &password, "roles": ["root"] };
        command_on_admin(&first, user).await.context("cannot create the administrator of the replica set")?;
        let hosts = hosts.join(",");
        let uri = format!("mongodb://{ADMINISTRATOR}:{password}@{hosts}/?authSource=admin&replicaSet={REPLICA_SET}");
        Ok(Self { uri, members, key_file })
    }

    /// Stops a member, by SIGKILL or in good order, and starts it again; returns when it is a part of the set again.
    pub(crate) async fn restart(&mut self, program: &Path, number: usize, kill: bool) -> anyhow::Result<()> {
        let key_file = self.key_file.clone();
        let Some(member) = self.members.get_mut(number) else { bail!("there is no member {number}") };
        if kill {
            member.process.kill();
        } else {
            member.process.stop().await;
        }
        member.process = mongod::start_member(program, &member.data, &key_file, &member.port, &member.log)?;
        member.until_listening().await?;
        let bare = connect(&format!("mongodb://{}/?directConnection=true", member.port.address())).await?;
        let has_place = || async {
            let hello = mongod::hello(&bare).await.unwrap_or_default();
            ["isWritablePrimary", "secondary"].iter().any(|state| hello.get_bool(state).unwrap_or(false))
        };
        member.process.until("primary or secondary", PATIENCE, has_place).await
    }

    /// Asks the primary to let another member have its place. Answers whether another one has it now.
    pub(crate) async fn step_down(&self) -> bool {
        let Ok(client) = connect(&self.uri).await else { return false };
        let Some(before) = primary(&client).await else { return false };
        if !step_down(&client).await {
            return false;
        }
        let deadline = tokio::time::Instant::now() + HANDED_OVER;
        while tokio::time::Instant::now() < deadline {
            if primary(&client).await.is_some_and(|now| now != before) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        false
    }
}

/// The member that takes writes, as far as one of them says so of itself.
async fn primary(client: &Client) -> Option<String> {
    let hello = mongod::hello(client).await.filter(|hello| hello.get_bool("isWritablePrimary").unwrap_or(false))?;
    hello.get_str("me").ok().map(str::to_owned)
}

/// Answers `false` if the primary refused.
async fn step_down(client: &Client) -> bool {
    let command = doc! { "replSetStepDown": 20, "secondaryCatchUpPeriodSecs": 5 };
    let Err(error) = command_on_admin(client, command).await else { return true };
    // It may also close the connection that asked.
    tracing::debug!("stepping down: {error}");
    !matches!(*error.kind, ErrorKind::Command(_))
}

impl Member {
    async fn until_listening(&self) -> anyhow::Result<()> {
        let bare = connect(&format!("mongodb://{}/?directConnection=true", self.port.address())).await?;
        self.process.until("listening", PATIENCE, || async { mongod::hello(&bare).await.is_some() }).await
    }
}
