//! The testbed's own certificate authority: who may talk to etcd and Kubernetes, and that they are who they say.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

use crate::files::{private_folder, write_private};

/// A folder with `<name>.crt` and `<name>.key` for everybody who needs them.
pub(crate) struct Certificates {
    folder: PathBuf,
}

/// A certificate for somebody besides those that every control plane has.
pub(crate) struct Holder {
    /// The name of its files.
    pub(crate) file: String,
    pub(crate) user: String,
    pub(crate) group: Option<&'static str>,
}

impl Certificates {
    /// Certificates of an earlier start are taken up again, so that kubeconfig files handed out then stay valid.
    pub(crate) fn in_folder(folder: &Path) -> anyhow::Result<Self> {
        Self::for_others_too(folder, &[], &[])
    }

    /// As [`Self::in_folder`]; servers have these names too, and these holders certificates.
    pub(crate) fn for_others_too(folder: &Path, names: &[&str], holders: &[Holder]) -> anyhow::Result<Self> {
        let certificates = Self { folder: folder.to_owned() };
        if !folder.exists() {
            let partial = Self { folder: folder.with_added_extension("partial") };
            fs::remove_dir_all(&partial.folder).ok();
            private_folder(&partial.folder)?;
            partial.make(names, holders).context("cannot make the certificates of the test cluster")?;
            fs::rename(&partial.folder, folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        Ok(certificates)
    }

    pub(crate) fn certificate(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.crt"))
    }

    pub(crate) fn key(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.key"))
    }

    /// The public half of the key that signs the tokens of service accounts.
    pub(crate) fn token_public_key(&self) -> PathBuf {
        self.folder.join("tokens.pub")
    }

    fn make(&self, names: &[&str], holders: &[Holder]) -> anyhow::Result<()> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "ChakraVue test cluster");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate()?;
        let authority = params.self_signed(&key)?;
        self.write("ca", &authority.pem(), &key)?;
        let authority = Issuer::new(params, key);

        // `system:masters` is the group that Kubernetes lets do everything.
        self.issue("server", "system:server", None, names, &authority)?;
        self.issue("administrator", "administrator", Some("system:masters"), names, &authority)?;
        self.issue("kube-controller-manager", "system:kube-controller-manager", None, names, &authority)?;
        for Holder { file, user, group } in holders {
            self.issue(file, user, *group, names, &authority)?;
        }

        let tokens = KeyPair::generate()?;
        write_private(&self.key("tokens"), &tokens.serialize_pem())?;
        write_private(&self.token_public_key(), &tokens.public_key_pem())
    }

    /// A certificate that is good for both ends: etcd and kube-apiserver show `server` to each other.
    fn issue(
        &self,
        file: &str,
        user: &str,
        group: Option<&str>,
        names: &[&str],
        authority: &Issuer<'_, KeyPair>,
    ) -> anyhow::Result<()> {
        let hosts = ["127.0.0.1", "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"];
        let hosts: Vec<String> = hosts.iter().chain(names).map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(hosts)?;
        params.distinguished_name.push(DnType::CommonName, user);
        if let Some(group) = group {
            params.distinguished_name.push(DnType::OrganizationName, group);
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, authority)?;
        self.write(file, &certificate.pem(), &key)
    }

    fn write(&self, name: &str, certificate: &str, key: &KeyPair) -> anyhow::Result<()> {
        write_private(&self.certificate(name), certificate)?;
        write_private(&self.key(name), &key.serialize_pem())
    }
}
