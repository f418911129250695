//! What every test of the API does: start everything, take a hospital from its sign-up to its staff's work.

#![allow(dead_code, reason = "a helper is here for all tests, also before the second one uses it")]

use std::{
    collections::BTreeMap,
    ops::Deref,
    time::{Duration, Instant},
};

use chakravue_crds::HospitalOrganization;
use chakravue_testbed::{ApiClient, ApiOptions, ApiProcess, OperatorProcess, Reply, Sandbox};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

/// Long enough for a busy machine: only a failing test waits for it.
pub const PATIENCE: Duration = Duration::from_mins(3);

/// Good enough for everybody in these tests.
pub const PASSWORD: &str = "violet tractors sing at noon";

/// A card that the test provider charges.
pub const CARD: &str = "4111111111111111";

/// A sandbox with an operator and an API in it.
pub struct Stack {
    pub operator: OperatorProcess,
    pub api: ApiProcess,
    pub kube: Client,
    pub mongo: mongodb::Client,
    pub sandbox: Sandbox,
}

impl Stack {
    pub async fn new(label: &str) -> Self {
        Self::with(label, |api| api).await
    }

    /// With other options of the API than the usual ones.
    pub async fn with(label: &str, options: impl FnOnce(ApiOptions) -> ApiOptions) -> Self {
        Self::in_sandbox(Sandbox::new(label).await, options).await
    }

    /// In a sandbox that the test has made, because something in it had to be there first.
    pub async fn in_sandbox(sandbox: Sandbox, options: impl FnOnce(ApiOptions) -> ApiOptions) -> Self {
        let (operator, api) = tokio::join!(sandbox.operator().start(), options(sandbox.api()).start());
        let (kube, mongo) = tokio::join!(sandbox.admin(), sandbox.mongodb());
        tokio::join!(operator.wait_ready(), api.wait_ready());
        Self { operator, api, kube, mongo, sandbox }
    }

    /// Somebody who calls the API and is nobody yet.
    pub fn client(&self) -> ApiClient {
        self.api.client()
    }

    /// A hospital's name that begins with the sandbox's prefix, and so does the database that is named after it.
    pub fn name(&self, name: &str) -> String {
        format!("{} {name}", self.sandbox.prefix())
    }

    /// What a hospital sends to sign up.
    pub fn signup_request(&self, name: &str, plan_id: &str) -> Value {
        json!({
            "organization_name": self.name(name),
            "organization_email": "admin@hospital.example",
            "organization_phone": "+1-555-0000",
            "plan": { "plan_id": plan_id },
        })
    }

    /// Signs a hospital up; it has not paid yet.
    pub async fn signup(&self, name: &str, plan_id: &str) -> Signup {
        let answer = self.client().post("/signup", &self.signup_request(name, plan_id)).await.expect(201);
        Signup::of(&answer)
    }

    /// Pays for a signed-up hospital and returns when it is active.
    pub async fn pay(&self, signup: &Signup) -> Value {
        let client = self.client().bearer(&signup.setup_token);
        let reply = client.post("/process-payment", &signup.payment(CARD)).await;
        if reply.status == 200 {
            return reply.expect(200);
        }
        let accepted = reply.expect(202);
        self.wait_active(&client, &signup.organization_id).await;
        accepted
    }

    /// Asks as `client` until the hospital is active.
    pub async fn wait_active(&self, client: &ApiClient, organization_id: &str) {
        let path = format!("/organization/{organization_id}/provisioning");
        eventually("the hospital is active", async || {
            (client.get(&path).await.expect(200)["status"] == "active").then_some(())
        })
        .await;
    }

    /// A hospital that has paid, with its administrator signed in.
    pub async fn hospital(&self, name: &str) -> Hospital {
        self.hospital_on(name, "professional").await
    }

    /// As [`Self::hospital`], on a plan.
    pub async fn hospital_on(&self, name: &str, plan_id: &str) -> Hospital {
        let signup = self.signup(name, plan_id).await;
        self.pay(&signup).await;
        let setup = self.client().bearer(&signup.setup_token);
        let administrator = setup.post("/setup/administrator", &json!({ "password": PASSWORD })).await;
        let administrator = Staff::signed_in(&self.client(), &administrator.expect(200));
        Hospital { signup, administrator }
    }

    /// Invites somebody, lets them accept and signs them in.
    pub async fn staff(&self, hospital: &Hospital, email: &str, role: &str) -> Staff {
        let invited = hospital.invite(email, role).await;
        self.accept(&invited).await
    }

    /// Accepts an invitation with [`PASSWORD`].
    pub async fn accept(&self, invited: &Invited) -> Staff {
        let body = json!({ "token": invited.token, "password": PASSWORD, "name": "Somebody" });
        Staff::signed_in(&self.client(), &self.client().post("/invitations/accept", &body).await.expect(200))
    }

    /// Signs in at a hospital with [`PASSWORD`].
    pub async fn sign_in(&self, organization_id: &str, email: &str) -> Staff {
        Staff::signed_in(&self.client(), &self.try_sign_in(organization_id, email, PASSWORD).await.expect(200))
    }

    /// The same at another replica.
    pub async fn sign_in_at(&self, client: &ApiClient, organization_id: &str, email: &str) -> Staff {
        let body = json!({ "organization_id": organization_id, "email": email, "password": PASSWORD });
        Staff::signed_in(client, &client.post("/organization-login", &body).await.expect(200))
    }

    pub async fn try_sign_in(&self, organization_id: &str, email: &str, password: &str) -> Reply {
        let body = json!({ "organization_id": organization_id, "email": email, "password": password });
        self.client().post("/organization-login", &body).await
    }

    /// A platform administrator, made by the command and signed in through the link that it prints.
    pub async fn platform_administrator(&self) -> Staff {
        let email = "platform@chakravue.example";
        let printed = self.sandbox.api().run(&["admin", "invite", "--email", email]).await.unwrap();
        let token = token_in(printed.split_whitespace().find(|word| word.contains("#token=")).unwrap());
        let body = json!({ "token": token, "password": PASSWORD, "name": "Platform Administrator" });
        Staff::signed_in(&self.client(), &self.client().post("/invitations/accept", &body).await.expect(200))
    }

    pub fn hospitals(&self) -> Api<HospitalOrganization> {
        Api::namespaced(self.kube.clone(), self.sandbox.namespace())
    }

    pub fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.kube.clone(), self.sandbox.namespace())
    }

    /// Deletes a hospital's Secret, so that an operator makes another one and looks at the whole hospital.
    pub async fn delete_secret(&self, organization_id: &str) {
        let binding = self.object(organization_id).await.status.unwrap().binding.unwrap();
        self.secrets().delete(&binding.name, &kube::api::DeleteParams::default()).await.unwrap();
    }

    /// The object of a hospital, by its id.
    pub async fn object(&self, organization_id: &str) -> HospitalOrganization {
        let all = self.hospitals().list(&kube::api::ListParams::default()).await.unwrap();
        let has_id = |object: &&HospitalOrganization| {
            object.status.as_ref().and_then(|status| status.organization_id.as_deref()) == Some(organization_id)
        };
        all.items.iter().find(has_id).unwrap_or_else(|| panic!("no object of {organization_id}")).clone()
    }

    /// Applies an object as GitOps would, by server-side apply with a field manager of its own.
    pub async fn apply(&self, object: &Value) -> HospitalOrganization {
        let name = object["metadata"]["name"].as_str().unwrap();
        let by = PatchParams::apply("a-gitops-tool").force();
        self.hospitals().patch(name, &by, &Patch::Apply(object)).await.unwrap()
    }

    /// A hospital as somebody declares it in YAML; `name` gets the sandbox's prefix, and so has its database.
    pub fn declared(&self, name: &str) -> Value {
        json!({
            "apiVersion": "chakravue.io/v1alpha1",
            "kind": "HospitalOrganization",
            "metadata": { "name": self.sandbox.object_name(name), "namespace": self.sandbox.namespace() },
            "spec": {
                "displayName": self.name(name),
                "contact": { "email": "admin@hospital.example" },
                "plan": "Starter",
                "subscription": "Active",
                "administrator": { "email": "admin@hospital.example" },
            },
        })
    }

    /// The platform's own database, for MongoDB's administrator.
    pub fn master(&self) -> mongodb::Database {
        self.mongo.database(self.sandbox.master_database())
    }

    /// A hospital's database, for MongoDB's administrator.
    pub fn database(&self, hospital: &Signup) -> mongodb::Database {
        self.mongo.database(&hospital.database_name)
    }

    /// A MongoDB client that is logged in with a hospital's own Secret.
    pub async fn tenant(&self, organization_id: &str) -> mongodb::Client {
        let object = self.object(organization_id).await;
        let secret = self.secrets().get(&object.status.unwrap().binding.unwrap().name).await.unwrap();
        let uri = String::from_utf8(secret.data.unwrap()["uri"].0.clone()).unwrap();
        mongodb::Client::with_uri_str(uri).await.unwrap()
    }

    /// Stops everything and removes what it made.
    pub async fn close(self) {
        self.api.terminate().await;
        self.operator.terminate().await;
        self.sandbox.close().await;
    }
}

/// A hospital that has signed up.
#[derive(Clone, Debug)]
pub struct Signup {
    pub organization_id: String,
    pub database_name: String,
    pub setup_token: String,
    /// What the plan costs.
    pub amount: i64,
    /// The whole answer.
    pub answer: Value,
}

impl Signup {
    pub fn of(answer: &Value) -> Self {
        Self {
            organization_id: text(answer, "organization_id"),
            database_name: text(answer, "database_name"),
            setup_token: text(answer, "setup_token"),
            amount: answer["plan"]["price"].as_i64().unwrap_or_else(|| panic!("no price in {answer}")),
            answer: answer.clone(),
        }
    }

    /// What it sends to pay.
    pub fn payment(&self, card_number: &str) -> Value {
        json!({ "organization_id": self.organization_id, "card_number": card_number, "amount": self.amount })
    }

    /// A path below the hospital, such as `path("/users")`.
    pub fn path(&self, rest: &str) -> String {
        format!("/organization/{}{rest}", self.organization_id)
    }
}

/// A hospital at work.
#[derive(Clone, Debug)]
pub struct Hospital {
    pub signup: Signup,
    /// Signed in.
    pub administrator: Staff,
}

impl Deref for Hospital {
    type Target = Signup;

    fn deref(&self) -> &Signup {
        &self.signup
    }
}

impl Hospital {
    /// What its administrator sends to add somebody.
    pub fn add_user_request(&self, email: &str, role: &str) -> Value {
        json!({ "organization_id": self.organization_id, "email": email, "role": role })
    }

    pub async fn invite(&self, email: &str, role: &str) -> Invited {
        let answer = self.administrator.post("/add-user", &self.add_user_request(email, role)).await.expect(201);
        Invited {
            user_id: text(&answer, "user_id"),
            token: token_in(&text(&answer, "invitation_url")),
            email: email.to_owned(),
            answer,
        }
    }
}

/// Somebody who has not accepted yet.
#[derive(Clone, Debug)]
pub struct Invited {
    pub user_id: String,
    pub email: String,
    /// The invitation's, from its link.
    pub token: String,
    /// The whole answer.
    pub answer: Value,
}

/// Somebody signed in, who calls the API with their token.
#[derive(Clone, Debug)]
pub struct Staff {
    pub client: ApiClient,
    pub user_id: String,
    pub email: String,
    /// The whole answer to the sign-in.
    pub answer: Value,
}

impl Deref for Staff {
    type Target = ApiClient;

    fn deref(&self) -> &ApiClient {
        &self.client
    }
}

impl Staff {
    /// From the answer to whatever starts a session.
    pub fn signed_in(client: &ApiClient, answer: &Value) -> Self {
        Self {
            client: client.bearer(&text(answer, "token")),
            user_id: text(&answer["user"], "user_id"),
            email: text(&answer["user"], "email"),
            answer: answer.clone(),
        }
    }
}

/// The token of a link, which stands in its fragment.
pub fn token_in(link: &str) -> String {
    let (_, token) = link.split_once("#token=").unwrap_or_else(|| panic!("no token in {link}"));
    token.to_owned()
}

#[track_caller]
pub fn text(answer: &Value, field: &str) -> String {
    answer[field].as_str().unwrap_or_else(|| panic!("no {field} in {answer}")).to_owned()
}

/// Looks again and again until `done` answers something; for what cannot be watched.
pub async fn eventually<T>(what: &str, mut done: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = done().await {
            return value;
        }
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The metrics of this name, by their labels as they are written: `{result="ok"}`.
pub fn samples(metrics: &str, name: &str) -> BTreeMap<String, f64> {
    metrics
        .lines()
        .filter_map(|line| line.strip_prefix(name))
        .filter(|rest| rest.starts_with(['{', ' ']))
        .filter_map(|rest| {
            let (labels, value) = rest.rsplit_once(' ')?;
            Some((labels.to_owned(), value.parse().ok()?))
        })
        .collect()
}
