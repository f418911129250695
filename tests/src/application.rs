//! An application of a hospital, as a customer would write one: it knows nothing of `ChakraVue` but the Service Binding
//! specification. Tests run it as a pod; it says what it could do and what it could not.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use mongodb::{
    Client,
    bson::{DateTime, Document, doc},
    options::{ClientOptions, Tls, TlsOptions},
};
use tokio::signal::unix::{SignalKind, signal};

use crate::install::has_code;

/// Where bindings are mounted, says the specification.
const ROOT: &str = "SERVICE_BINDING_ROOT";
/// How often the application writes.
const RHYTHM: Duration = Duration::from_millis(100);
/// MongoDB's answer to whoever may not.
const UNAUTHORIZED: i32 = 13;

/// Finds its MongoDB, tries what it may and may not do, and writes a document every tenth of a second until SIGTERM.
///
/// # Errors
/// When it may do more or less than it should.
pub(crate) async fn run() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let binding = binding()?;
    let read = |key: &str| {
        let path = binding.join(key);
        fs::read_to_string(&path).with_context(|| format!("the binding has no {key}"))
    };
    ensure!(read("type")?.trim() == "mongodb", "the binding is not one to MongoDB");
    let (uri, database) = (read("uri")?, read("database")?);
    let mut options = ClientOptions::parse(uri.trim()).await.ok().context("the binding's uri cannot be understood")?;
    if let (Some(Tls::Enabled(tls)), Some(authority)) = (&mut options.tls, env::var_os("MONGODB_CA_FILE")) {
        *tls = TlsOptions::builder().ca_file_path(PathBuf::from(authority)).build();
    }
    options.server_selection_timeout = Some(Duration::from_secs(5));
    let client = Client::with_options(options)?;
    let pharmacy = client.database(database.trim()).collection::<Document>("pharmacy");
    let medicine = |number: i64| doc! { "medicine": "Paracetamol", "quantity": number, "created_at": DateTime::now() };

    pharmacy.insert_one(medicine(0)).await.context("cannot insert into the hospital's own database")?;
    let found = pharmacy.find_one(doc! { "medicine": "Paracetamol" }).await?;
    ensure!(found.is_some(), "what was inserted is not there");
    refused("create a collection", client.database(database.trim()).create_collection("mine").await)?;
    let other = client.database("chakravue_master").collection::<Document>("organizations");
    refused("read another database", other.find_one(doc! {}).await)?;
    println!("bound to {}", database.trim());

    let (mut written, mut failed) = (1_i64, 0_u32);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            () = tokio::time::sleep(RHYTHM) => {}
        }
        match pharmacy.insert_one(medicine(written)).await {
            Ok(_) => written += 1,
            Err(error) => {
                failed += 1;
                println!("failed: {}", error.kind);
            }
        }
    }
    println!("wrote {written}, failed {failed}");
    Ok(())
}

/// The one binding that is mounted.
fn binding() -> anyhow::Result<PathBuf> {
    let root = env::var_os(ROOT).with_context(|| format!("{ROOT} is not set"))?;
    let entries =
        fs::read_dir(Path::new(&root)).with_context(|| format!("cannot read {}", Path::new(&root).display()))?;
    let mut bindings =
        entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| path.join("type").is_file());
    match (bindings.next(), bindings.next()) {
        (Some(binding), None) => Ok(binding),
        (None, _) => bail!("nothing is bound"),
        _ => bail!("more than one service is bound"),
    }
}

fn refused<T>(what: &str, answer: mongodb::error::Result<T>) -> anyhow::Result<()> {
    match answer {
        Err(error) if has_code(&error, UNAUTHORIZED) => Ok(()),
        Err(error) => bail!("tried to {what}, which failed in another way than it should: {}", error.kind),
        Ok(_) => bail!("could {what}"),
    }
}
