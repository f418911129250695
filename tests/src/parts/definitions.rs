//! The definitions of kinds that the chart makes objects of where a cluster has them, and that GitOps tools bring: as their
//! authors publish them, in their Go modules. Nothing is compiled.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::{
    cache::{cache, only_one},
    go,
};

/// A published module, the digest that Go has of it, and its files that are wanted.
struct Source {
    module: &'static str,
    sum: &'static str,
    files: &'static [&'static str],
}

const SOURCES: [Source; 6] = [
    Source {
        module: "github.com/prometheus-operator/prometheus-operator@v0.85.0",
        sum: "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
        files: &[
            "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
            "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
        ],
    },
    Source {
        module: "sigs.k8s.io/gateway-api@v1.5.0",
        sum: "h1:duoo14Ky/fJXpjpmyMISE2RTBGnfCg8zICfTYLTnBJA=",
        files: &["config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"],
    },
    Source {
        module: "github.com/argoproj/argo-cd/v3@v3.3.0",
        sum: "h1:9UlruTd5cC/MyvorTXgAIblfZTy63MF5FYvvoAaUvwU=",
        files: &["manifests/crds/application-crd.yaml"],
    },
    Source {
        module: "github.com/fluxcd/helm-controller@v1.4.0",
        sum: "h1:rkm8rmB6Na7eNc4pJOnvtXEaJ19iKluRtayHKjBxcUM=",
        files: &["config/crd/bases/helm.toolkit.fluxcd.io_helmreleases.yaml"],
    },
    Source {
        module: "github.com/fluxcd/kustomize-controller@v1.7.3",
        sum: "h1:SzNnGn/4ObAPEHHleM5U7y/AKxKXph3Vj6ZhteeXw8M=",
        files: &["config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml"],
    },
    Source {
        module: "github.com/fluxcd/source-controller@v1.7.0",
        sum: "h1:/fBgS4CSmT5Jj/fjQDF92y+pC3gst1GJjgNSzY8Ff9I=",
        files: &["config/crd/bases/source.toolkit.fluxcd.io_gitrepositories.yaml"],
    },
];

/// What `go mod download -json` says of a module.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Downloaded {
    dir: PathBuf,
    sum: String,
}

/// The files, from the cache or downloaded into it.
///
/// # Errors
/// When they cannot be downloaded, or are not what they were.
pub fn definitions() -> anyhow::Result<Vec<PathBuf>> {
    let folder = cache()?.join(key());
    if !folder.is_dir() {
        let _lock = only_one(&cache()?, &key())?;
        // Whoever held the lock may have downloaded them meanwhile.
        if !folder.is_dir() {
            download(&folder)?;
        }
    }
    let paths = SOURCES.iter().flat_map(|source| source.files).filter_map(|file| Path::new(file).file_name());
    Ok(paths.map(|name| folder.join(name)).collect())
}

fn key() -> String {
    use sha2::{Digest, Sha256};
    let digest = SOURCES.iter().fold(Sha256::new(), |digest, source| {
        source.files.iter().fold(digest.chain_update(source.sum), Digest::chain_update)
    });
    format!("definitions-{}", hex::encode(&digest.finalize()[..6]))
}

fn download(folder: &Path) -> anyhow::Result<()> {
    eprintln!("Downloading the definitions of other projects' kinds; this happens once.");
    let partial = folder.with_added_extension("partial");
    fs::remove_dir_all(&partial).ok();
    fs::create_dir_all(&partial).with_context(|| format!("cannot create {}", partial.display()))?;
    // Of the modules, a hundred megabytes, only these files are kept.
    let modules = partial.join("modules");
    for Source { module, sum, files } in &SOURCES {
        let downloaded: Downloaded = serde_json::from_str(&go::download(module, &partial, &modules)?)
            .with_context(|| format!("Go says nothing of the module {module}"))?;
        ensure!(downloaded.sum == *sum, "the module {module} is not what it was: {} instead of {sum}", downloaded.sum);
        for file in *files {
            let from = downloaded.dir.join(file);
            let name = from.file_name().context("a file without a name")?;
            fs::copy(&from, partial.join(name)).with_context(|| format!("{module} has no {file}"))?;
        }
    }
    fs::remove_dir_all(&modules).context("cannot remove the modules again")?;
    fs::rename(&partial, folder).with_context(|| format!("cannot create {}", folder.display()))
}
