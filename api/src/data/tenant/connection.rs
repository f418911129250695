//! One login to MongoDB, made of one hospital's Secret and of nothing else.

use std::{path::Path, time::Duration};

use chakravue_crds::HospitalOrganization;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use mongodb::{
    Client, Database,
    options::{ClientOptions, Tls},
};
use sha2::{Digest as _, Sha256};

use super::bounds::TenantSettings;
use crate::{
    data::master::make_durable,
    http::problem::{Answer, Kind, Problem},
};

#[derive(Debug)]
pub(super) struct Connection {
    database: Database,
    /// Tells credentials apart without keeping them.
    fingerprint: [u8; 32],
}

impl Connection {
    /// Logs in lazily: what MongoDB says of the credentials, the first command tells.
    pub(super) async fn from_secret(
        hospital: &HospitalOrganization,
        secret: &Secret,
        settings: &TenantSettings,
        certificate_authority: Option<&Path>,
    ) -> Answer<Self> {
        let not_ready = |why: &'static str| {
            tracing::warn!(hospital = hospital.name_any(), why, "the connection Secret cannot be used");
            let detail = "The hospital's credentials are being put in order. Try again in a moment.";
            Problem::new(Kind::DatabaseUnavailable, detail).retry_after(Duration::from_secs(2))
        };
        // A Secret of the right name that is not this hospital's must not decide where its data goes.
        let owned = secret.owner_references().iter().any(|owner| Some(&owner.uid) == hospital.metadata.uid.as_ref());
        if !owned {
            return Err(not_ready("it does not belong to the hospital"));
        }
        let value = |key: &str| {
            let bytes = secret.data.as_ref()?.get(key)?;
            std::str::from_utf8(&bytes.0).ok()
        };
        let (Some(uri), Some(database)) = (value("uri"), value("database")) else {
            return Err(not_ready("a key is missing"));
        };
        let claimed = hospital.status.as_ref().and_then(|status| status.database_name.as_deref());
        if claimed != Some(database) {
            return Err(not_ready("it names another database than the hospital's"));
        }
        let mut options = ClientOptions::parse(uri).await.map_err(|_| not_ready("its uri cannot be understood"))?;
        // The Secret cannot name a file of whoever reads it. It is the same MongoDB, so the same authority holds.
        if let Some(Tls::Enabled(tls)) = &mut options.tls
            && tls.ca_file_path.is_none()
        {
            tls.ca_file_path = certificate_authority.map(Path::to_owned);
        }
        options.app_name = Some("chakravue-api".to_owned());
        options.server_selection_timeout = Some(Duration::from_secs(3));
        options.connect_timeout = Some(Duration::from_secs(3));
        options.min_pool_size = Some(0);
        options.max_pool_size = Some(settings.connections_per_hospital);
        options.max_idle_time = Some(Duration::from_secs(settings.idle_connection_seconds));
        make_durable(&mut options);
        let client = Client::with_options(options).map_err(|_| not_ready("its uri cannot be used"))?;
        Ok(Self { database: client.database(database), fingerprint: Sha256::digest(uri).into() })
    }

    pub(super) fn database(&self) -> &Database {
        &self.database
    }

    pub(super) fn same_credentials(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}
