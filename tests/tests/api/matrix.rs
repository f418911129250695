//! Who may call what: every operation of the OpenAPI document, called by everybody there is, with requests that are right
//! in everything but who sends them. An operation without a row here fails. What each of these calls leaves in the audit
//! logs is looked at as well, and what becomes of an operator of MongoDB in any field of their bodies.

use std::collections::BTreeMap;

use chakravue_testbed::ApiClient;
use futures::TryStreamExt as _;
use mongodb::bson::{Document, doc};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    clinic::{Clinic, delete},
    support::{CARD, Hospital, PASSWORD, Signup, Staff, text, token_in},
};

/// The columns of [`TABLE`].
const CALLERS: [&str; 8] = [
    "anonymous",
    "ADMIN",
    "RECEPTIONIST",
    "OPD",
    "DOCTOR",
    "another hospital's ADMIN",
    "platform administrator",
    "setup token",
];

/// For each operation and caller: `+` allowed, `1` 401, `3` 403, `4` 404. The setup token is that of a third hospital, which
/// its own path names.
pub const TABLE: &[(&str, &str)] = &[
    // Anybody.
    ("GET /healthz", "++++++++"),
    ("GET /readyz", "++++++++"),
    ("GET /plans", "++++++++"),
    ("GET /roles", "++++++++"),
    ("GET /signup/database-name", "++++++++"),
    ("GET /organizations", "++++++++"),
    ("POST /signup", "++++++++"),
    ("POST /organization-login", "++++++++"),
    ("POST /login", "++++++++"),
    ("POST /invitations/preview", "++++++++"),
    ("POST /invitations/accept", "++++++++"),
    ("POST /password-reset", "++++++++"),
    ("POST /password-reset/complete", "++++++++"),
    // There is none where test cards are used.
    ("POST /stripe/webhook", "44444444"),
    // Whoever is signed in.
    ("GET /me", "1++++++1"),
    ("GET /me/sessions", "1++++++1"),
    ("DELETE /me/sessions/{session_id}", "1++++++1"),
    ("POST /me/password", "1++++++1"),
    ("POST /logout", "1++++++1"),
    // A hospital, its staff and whoever signs it up; the platform sees that it is there.
    ("GET /organization/{org_id}", "1++++4++"),
    ("GET /organization/{org_id}/users", "1++++4++"),
    ("GET /organization/{org_id}/provisioning", "1++++4++"),
    ("GET /organization/{org_id}/provisioning/events", "1++++4++"),
    ("POST /process-payment", "1+33343+"),
    ("GET /organization/{org_id}/payments", "1+33343+"),
    ("POST /organization/{org_id}/plan", "1+33343+"),
    ("POST /add-user", "1+33343+"),
    ("GET /organization/{org_id}/users/{user_id}", "1++++431"),
    ("PATCH /organization/{org_id}/users/{user_id}", "1+333431"),
    ("POST /organization/{org_id}/users/{user_id}/invitation", "1+333431"),
    ("DELETE /organization/{org_id}/users/{user_id}/invitation", "1+333431"),
    ("POST /organization/{org_id}/users/{user_id}/password-reset", "1+333431"),
    // The daily work: the hospital's own staff alone.
    ("GET /organization/{org_id}/patients", "1++++431"),
    ("POST /organization/{org_id}/patients", "1+++3431"),
    ("GET /organization/{org_id}/patients/{patient_id}", "1++++431"),
    ("PATCH /organization/{org_id}/patients/{patient_id}", "1+++3431"),
    ("DELETE /organization/{org_id}/patients/{patient_id}", "1+333431"),
    ("POST /organization/{org_id}/patients/{patient_id}/restore", "1+333431"),
    ("POST /organization/{org_id}/patients/{patient_id}/notes", "1333+431"),
    ("POST /organization/{org_id}/patients/{patient_id}/vitals", "133++431"),
    ("POST /organization/{org_id}/patients/{patient_id}/prescriptions", "1333+431"),
    ("GET /organization/{org_id}/appointments", "1++++431"),
    ("POST /organization/{org_id}/appointments", "1+++3431"),
    ("GET /organization/{org_id}/appointments/{appointment_id}", "1++++431"),
    // Tried with a new time, which is booking; the queue's part is tried by its own test.
    ("PATCH /organization/{org_id}/appointments/{appointment_id}", "1+++3431"),
    ("GET /organization/{org_id}/pharmacy", "1+3++431"),
    ("POST /organization/{org_id}/pharmacy", "1+3+3431"),
    ("GET /organization/{org_id}/pharmacy/{medicine_id}", "1+3++431"),
    ("PATCH /organization/{org_id}/pharmacy/{medicine_id}", "1+3+3431"),
    ("DELETE /organization/{org_id}/pharmacy/{medicine_id}", "1+3+3431"),
    ("POST /organization/{org_id}/pharmacy/{medicine_id}/restore", "1+3+3431"),
    ("POST /organization/{org_id}/pharmacy/{medicine_id}/stock", "1+3+3431"),
    ("GET /organization/{org_id}/settings", "1++++431"),
    ("GET /organization/{org_id}/settings/{key}", "1++++431"),
    ("PUT /organization/{org_id}/settings/{key}", "1+333431"),
    ("DELETE /organization/{org_id}/settings/{key}", "1+333431"),
    ("GET /organization/{org_id}/audit", "1+333431"),
    ("GET /organization/{org_id}/audit/verify", "1+333431"),
    // The platform's administrators.
    ("GET /master/all-organizations", "133333+1"),
    ("GET /master/metrics", "133333+1"),
    ("GET /master/payments", "133333+1"),
    ("GET /master/audit-log", "133333+1"),
    ("GET /master/audit-log/verify", "133333+1"),
    ("GET /master/organizations/{org_id}", "133333+1"),
    ("POST /master/organizations/{org_id}/plan", "133333+1"),
    ("POST /master/organizations/{org_id}/administrator-invitation", "133333+1"),
    ("POST /master/organizations/{org_id}/suspend", "133333+1"),
    ("POST /master/organizations/{org_id}/resume", "133333+1"),
    // Ends the setup token, so it is the last.
    ("POST /setup/administrator", "1111111+"),
];

/// Who is allowed to and still contradicts what is there.
const CONTRADICT: &[(&str, usize, u16)] = &[
    // Their hospitals have paid.
    ("POST /process-payment", 1, 409),
    ("POST /organization/{org_id}/plan", 7, 409),
];

/// What each operation that is there to change something leaves in the audit logs when it succeeds, in the hospital's and
/// the platform's together. One that is not here fails.
const ENTRIES: &[(&str, &[&str])] = &[
    ("POST /signup", &["organization.sign_up"]),
    ("POST /process-payment", &["organization.activate"]),
    ("POST /setup/administrator", &["session.start", "user.accept_invitation"]),
    ("POST /organization-login", &["session.start"]),
    ("POST /login", &["session.start"]),
    ("POST /logout", &["session.end"]),
    ("DELETE /me/sessions/{session_id}", &["session.end"]),
    ("POST /me/password", &["session.start", "user.change_password"]),
    // Shows what a link is for.
    ("POST /invitations/preview", &[]),
    ("POST /invitations/accept", &["session.start", "user.accept_invitation"]),
    // Sends a mail, which the service does not do here.
    ("POST /password-reset", &[]),
    ("POST /password-reset/complete", &["user.complete_password_reset"]),
    // The hospital has that plan already; another test changes it.
    ("POST /organization/{org_id}/plan", &[]),
    ("POST /add-user", &["user.invite"]),
    ("PATCH /organization/{org_id}/users/{user_id}", &["user.update"]),
    ("POST /organization/{org_id}/users/{user_id}/invitation", &["user.invite"]),
    ("DELETE /organization/{org_id}/users/{user_id}/invitation", &["user.revoke_invitation"]),
    ("POST /organization/{org_id}/users/{user_id}/password-reset", &["user.reset_password"]),
    ("POST /organization/{org_id}/patients", &["patient.register"]),
    ("PATCH /organization/{org_id}/patients/{patient_id}", &["patient.update"]),
    ("DELETE /organization/{org_id}/patients/{patient_id}", &["patient.archive"]),
    ("POST /organization/{org_id}/patients/{patient_id}/restore", &["patient.restore"]),
    ("POST /organization/{org_id}/patients/{patient_id}/notes", &["patient.note"]),
    ("POST /organization/{org_id}/patients/{patient_id}/vitals", &["patient.vitals"]),
    ("POST /organization/{org_id}/patients/{patient_id}/prescriptions", &["patient.prescribe"]),
    ("POST /organization/{org_id}/appointments", &["appointment.book"]),
    ("PATCH /organization/{org_id}/appointments/{appointment_id}", &["appointment.update"]),
    ("POST /organization/{org_id}/pharmacy", &["pharmacy.add"]),
    ("PATCH /organization/{org_id}/pharmacy/{medicine_id}", &["pharmacy.update"]),
    ("DELETE /organization/{org_id}/pharmacy/{medicine_id}", &["pharmacy.remove"]),
    ("POST /organization/{org_id}/pharmacy/{medicine_id}/restore", &["pharmacy.restore"]),
    ("POST /organization/{org_id}/pharmacy/{medicine_id}/stock", &["pharmacy.stock"]),
    ("PUT /organization/{org_id}/settings/{key}", &["setting.update"]),
    ("DELETE /organization/{org_id}/settings/{key}", &["setting.reset"]),
    // The hospital learns from its own log what the platform changed about it.
    ("POST /master/organizations/{org_id}/plan", &["organization.change_plan", "organization.change_plan"]),
    (
        "POST /master/organizations/{org_id}/administrator-invitation",
        &["organization.invite_administrator", "user.invite"],
    ),
    ("POST /master/organizations/{org_id}/suspend", &["organization.suspend"]),
    ("POST /master/organizations/{org_id}/resume", &["organization.resume"]),
];

/// What came of a call.
struct Called {
    status: u16,
    body: String,
    request_id: String,
}

/// Everybody, and what their requests are about.
struct World {
    clinic: Clinic,
    other: Hospital,
    /// Its setup token is still good.
    fresh: Signup,
    /// A hospital for the platform's administrators to handle.
    spare: Hospital,
    platform: Staff,
    counter: usize,
}

impl World {
    async fn new() -> Self {
        let clinic = Clinic::on("matrix", "enterprise").await;
        let other = clinic.stack.hospital("Other").await;
        let spare = clinic.stack.hospital("Spare").await;
        let fresh = clinic.stack.signup("Fresh", "professional").await;
        clinic.stack.pay(&fresh).await;
        let platform = clinic.stack.platform_administrator().await;
        Self { clinic, other, fresh, spare, platform, counter: 0 }
    }

    fn caller(&self, column: usize) -> ApiClient {
        match column {
            0 => self.clinic.stack.client(),
            5 => self.other.administrator.client.clone(),
            6 => self.platform.client.clone(),
            7 => self.clinic.stack.client().bearer(&self.fresh.setup_token),
            staff => self.clinic.staff()[staff - 1].1.client.clone(),
        }
    }

    /// The same caller in a session that may end.
    async fn again(&self, column: usize) -> Option<Staff> {
        let sign_in =
            async |organization: &str, email: &str| Some(self.clinic.stack.sign_in(organization, email).await);
        match column {
            1..=4 => sign_in(&self.clinic.hospital.organization_id, &self.clinic.staff()[column - 1].1.email).await,
            5 => sign_in(&self.other.organization_id, &self.other.administrator.email).await,
            6 => {
                let body = json!({ "email": self.platform.email, "password": PASSWORD });
                let client = self.clinic.stack.client();
                Some(Staff::signed_in(&client, &client.post("/login", &body).await.expect(200)))
            }
            _ => None,
        }
    }

    fn next(&mut self) -> usize {
        self.counter += 1;
        self.counter
    }

    async fn made(&self, who: &Staff, rest: &str, body: Value, id: &str) -> String {
        text(&who.post(&self.clinic.path(rest), &body).await.expect(201), id)
    }

    async fn appointment_body(&mut self) -> Value {
        let patient_id = self.clinic.patient("Jane Smith").await;
        let number = self.next();
        let starts_at = format!("20{}-{:02}-{:02}T09:00:00Z", 30 + number / 300, number / 25 % 12 + 1, number % 25 + 1);
        json!({ "patient_id": patient_id, "doctor_id": self.clinic.doctor.user_id, "starts_at": starts_at })
    }

    /// A new value for a parameter of the path, so that what one caller does is not in another's way.
    async fn parameter(&mut self, name: &str, operation: &str) -> String {
        match name {
            "patient_id" => {
                let patient_id = self.clinic.patient("Jane Smith").await;
                if operation.ends_with("/restore") {
                    let path = self.clinic.path(&format!("/patients/{patient_id}"));
                    delete(self.clinic.admin(), &path, "\"1\"").await.expect(204);
                }
                patient_id
            }
            "appointment_id" => {
                let body = self.appointment_body().await;
                self.made(&self.clinic.reception, "/appointments", body, "appointment_id").await
            }
            "medicine_id" => {
                let body = json!({ "medicine": "Aspirin", "quantity": 10 });
                let medicine_id = self.made(&self.clinic.opd, "/pharmacy", body, "medicine_id").await;
                if operation.ends_with("/restore") {
                    let path = self.clinic.path(&format!("/pharmacy/{medicine_id}"));
                    delete(&self.clinic.opd, &path, "\"1\"").await.expect(204);
                }
                medicine_id
            }
            "user_id" if operation.ends_with("/invitation") => self.invited().await.0,
            "user_id" => {
                let (_, token) = self.invited().await;
                let body = json!({ "token": token, "password": PASSWORD });
                let accepted = self.clinic.stack.client().post("/invitations/accept", &body).await.expect(200);
                text(&accepted["user"], "user_id")
            }
            "key" => "language".to_owned(),
            "session_id" => "ses_01jd8x2v9t6m3k5q7r1w4y0z8a".to_owned(),
            other => panic!("{operation}: nothing is known of the parameter {other}"),
        }
    }

    /// Somebody who was just invited, and their token.
    async fn invited(&mut self) -> (String, String) {
        let number = self.next();
        let invited = self.clinic.hospital.invite(&format!("user{number}@clinic.example"), "OPD").await;
        (invited.user_id, invited.token)
    }

    /// A body that is right for the operation.
    async fn body(&mut self, operation: &str, column: usize) -> Option<Value> {
        let hospital = self.clinic.hospital.signup.clone();
        // /process-payment and /add-user name the hospital in the body.
        let organization_id = if column == 7 { &self.fresh.organization_id } else { &hospital.organization_id }.clone();
        let (method, path) = operation.split_once(' ').unwrap();
        let last = path.rsplit('/').next().unwrap();
        let body = match (method, last) {
            ("GET" | "DELETE", _) | (_, "restore" | "logout" | "invitation" | "suspend" | "resume") => return None,
            (_, "administrator-invitation") => return None,
            ("POST", "password-reset") if path.contains("{user_id}") => return None,
            ("POST", "signup") => {
                let name = format!("New {}", self.next());
                self.clinic.stack.signup_request(&name, "starter")
            }
            ("POST", "organization-login") => {
                json!({ "organization_id": hospital.organization_id, "email": self.clinic.opd.email, "password": PASSWORD })
            }
            ("POST", "login") => json!({ "email": self.platform.email, "password": PASSWORD }),
            ("POST", "preview") => json!({ "token": self.invited().await.1 }),
            ("POST", "accept") => json!({ "token": self.invited().await.1, "password": PASSWORD }),
            ("POST", "password-reset") => json!({ "email": "nobody@clinic.example" }),
            ("POST", "complete") => {
                let user = self.parameter("user_id", operation).await;
                let path = self.clinic.path(&format!("/users/{user}/password-reset"));
                let answer = self.clinic.admin().post_empty(&path).await.expect(200);
                let link =
                    answer.as_object().unwrap().values().filter_map(Value::as_str).find(|link| link.contains('#'));
                json!({ "token": token_in(link.unwrap()), "password": PASSWORD })
            }
            ("POST", "password") => json!({ "current_password": PASSWORD, "new_password": PASSWORD }),
            ("POST", "webhook") => json!({ "id": "evt_1", "type": "charge.succeeded" }),
            ("POST", "process-payment") => {
                json!({ "organization_id": organization_id, "card_number": CARD, "amount": hospital.amount })
            }
            ("POST", "plan") => json!({ "plan_id": "enterprise" }),
            ("POST", "add-user") => {
                json!({ "organization_id": organization_id, "email": format!("added{}@clinic.example", self.next()), "role": "opd" })
            }
            ("PATCH", "{user_id}") => json!({ "name": "Somebody Else" }),
            ("POST", "patients") => json!({ "name": "Jane Smith", "birth_date": "1980-05-17" }),
            ("PATCH", "{patient_id}") => json!({ "phone": "+1-555-0102" }),
            ("POST", "notes") => json!({ "text": "Well." }),
            ("POST", "vitals") => json!({ "pulse_per_minute": 72 }),
            ("POST", "prescriptions") => json!({ "medicine": "Aspirin", "dose": "1", "frequency": "daily" }),
            ("POST", "appointments") => self.appointment_body().await,
            ("PATCH", "{appointment_id}") => json!({ "starts_at": self.appointment_body().await["starts_at"] }),
            ("POST", "pharmacy") => json!({ "medicine": "Aspirin", "quantity": 10 }),
            ("PATCH", "{medicine_id}") => json!({ "unit": "boxes" }),
            ("POST", "stock") => json!({ "change": -1, "reason": "dispensed" }),
            ("PUT", "{key}") => json!({ "value": "fr" }),
            ("POST", "administrator") => json!({ "password": PASSWORD }),
            _ => panic!("{operation}: nothing is known of its body"),
        };
        Some(body)
    }

    /// Calls an operation with a body that is right.
    async fn call(&mut self, operation: &str, column: usize) -> Called {
        self.call_with(operation, column, None).await
    }

    /// Calls an operation; a field of the body may have another value than the right one.
    async fn call_with(&mut self, operation: &str, column: usize, other: Option<(&str, &Value)>) -> Called {
        let (method, template) = operation.split_once(' ').unwrap();
        let mut client = self.caller(column);
        let mut path = template.to_owned();
        let organization = match column {
            // Of a hospital whose administrator has no password yet.
            _ if template.ends_with("/administrator-invitation") => &self.fresh.organization_id,
            _ if template.starts_with("/master/") => &self.spare.organization_id,
            7 => &self.fresh.organization_id,
            _ => &self.clinic.hospital.organization_id,
        };
        path = path.replace("{org_id}", organization);
        if template == "/signup/database-name" {
            path.push_str("?organization_name=Mercy");
        }
        // Sessions that end are not those that the other calls are made with.
        if matches!(template, "/logout" | "/me/sessions/{session_id}")
            && let Some(again) = self.again(column).await
        {
            if template.ends_with('}') {
                let me = again.get("/me").await.expect(200);
                path = path.replace("{session_id}", &text(&me["session"], "session_id"));
            }
            client = again.client.clone();
        }
        while let Some((before, rest)) = path.clone().split_once('{') {
            let (name, after) = rest.split_once('}').unwrap();
            path = format!("{before}{}{after}", self.parameter(name, operation).await);
        }
        let mut body = self.body(operation, column).await;
        if (template, column) == ("/process-payment", 7) {
            // Everybody else's hospital has paid.
            let name = format!("Unpaid {}", self.next());
            let unpaid = self.clinic.stack.signup(&name, "starter").await;
            client = self.clinic.stack.client().bearer(&unpaid.setup_token);
            body = Some(unpaid.payment(CARD));
        }
        if let (Some(body), Some((field, value))) = (&mut body, other) {
            body[field] = value.clone();
        }
        let mut request = client.request(method.parse::<Method>().unwrap(), &path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        if matches!(method, "PATCH" | "DELETE" | "PUT") {
            request = request.header("If-Match", self.etag(&path).await.unwrap_or_else(|| "\"1\"".to_owned()));
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let header =
            |name: &str| response.headers().get(name).map(|value| value.as_bytes().to_owned()).unwrap_or_default();
        let (kind, request_id) = (header("content-type"), String::from_utf8(header("x-request-id")).unwrap());
        let streams = kind.starts_with(b"text/event-stream");
        let body = if streams { String::new() } else { response.text().await.unwrap() };
        if template == "/me/password" && status == 200 {
            // It ended all sessions of the caller but the one that it started.
            let answer = serde_json::from_str(&body).unwrap();
            *self.signed_in(column) = Staff::signed_in(&self.clinic.stack.client(), &answer);
        }
        Called { status, body, request_id }
    }

    /// What stands in the audit logs, of all hospitals and the platform, of each request: the actions, by their names. What
    /// the service did by itself is that of no request.
    async fn recorded(&self) -> BTreeMap<String, Vec<String>> {
        let stack = &self.clinic.stack;
        let hospitals = [&self.clinic.hospital.signup, &self.other.signup, &self.spare.signup, &self.fresh];
        let logs = hospitals.into_iter().map(|hospital| stack.database(hospital)).chain([stack.master()]);
        let mut recorded = BTreeMap::<String, Vec<String>>::new();
        for log in logs {
            let entries = log.collection::<Document>("audit_logs").find(doc! {}).await.unwrap();
            for entry in entries.try_collect::<Vec<_>>().await.unwrap() {
                let request_id = entry.get_str("request_id").unwrap_or_default().to_owned();
                recorded.entry(request_id).or_default().push(entry.get_str("action").unwrap().to_owned());
            }
        }
        recorded.values_mut().for_each(|actions| actions.sort());
        recorded
    }

    fn signed_in(&mut self, column: usize) -> &mut Staff {
        match column {
            1 => &mut self.clinic.hospital.administrator,
            2 => &mut self.clinic.reception,
            3 => &mut self.clinic.opd,
            4 => &mut self.clinic.doctor,
            5 => &mut self.other.administrator,
            6 => &mut self.platform,
            _ => panic!("{} is not signed in", CALLERS[column]),
        }
    }

    async fn etag(&self, path: &str) -> Option<String> {
        let answer = self.clinic.admin().get(path).await;
        answer.header("etag").map(str::to_owned)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_is_open_to_exactly_those_in_the_table() {
    let mut world = World::new().await;
    let document = world.clinic.stack.client().get("/openapi.json").await.expect(200);
    let permissions: BTreeMap<String, Value> = operations(&document)
        .into_iter()
        .map(|(operation, documented)| (operation, documented["x-permission"].clone()))
        .collect();
    let rows: BTreeMap<&str, &str> = TABLE.iter().copied().collect();
    let missing: Vec<&String> = permissions.keys().filter(|operation| !rows.contains_key(operation.as_str())).collect();
    assert!(missing.is_empty(), "operations without a row: {missing:#?}");
    let gone: Vec<&&str> = rows.keys().filter(|operation| !permissions.contains_key(**operation)).collect();
    assert!(gone.is_empty(), "rows without an operation: {gone:#?}");
    assert_eq!(rows.len(), TABLE.len(), "an operation has two rows");

    let (mut wrong, mut changes) = (Vec::new(), Vec::new());
    for (operation, row) in TABLE {
        for (column, expected) in row.chars().enumerate() {
            let Called { status, body, request_id } = world.call(operation, column).await;
            let contradicts = CONTRADICT.iter().find(|(known, caller, _)| (*known, *caller) == (*operation, column));
            let right = match expected {
                '+' => contradicts.map_or((200..300).contains(&status), |(_, _, answer)| *answer == status),
                '1' => status == 401,
                '3' => status == 403,
                '4' => status == 404,
                other => panic!("{other} in the row of {operation}"),
            };
            if !right {
                wrong.push(format!("{operation} by {}: {status} instead of {expected}: {body}", CALLERS[column]));
            }
            if !operation.starts_with("GET ") {
                changes.push((operation, column, status, request_id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    // Whatever was changed is in the logs, each time once, under the request's id; and what was refused is not.
    let recorded = world.recorded().await;
    for (operation, column, status, request_id) in changes {
        let known = ENTRIES.iter().find(|(known, _)| known == operation).map(|(_, actions)| *actions);
        let expected = match known {
            Some(actions) if (200..300).contains(&status) => actions,
            None if (200..300).contains(&status) => panic!("{operation}: nothing is known of its audit entries"),
            _ => &[],
        };
        let of = |request_id: &str| recorded.get(request_id).map(Vec::as_slice).unwrap_or_default();
        let mut actions = of(&request_id);
        if operation.ends_with("/process-payment") && !expected.is_empty() && actions.is_empty() {
            // The settlement of what is paid for comes round now and then, and may be the first.
            actions =
                of("").iter().find(|action| *action == "organization.activate").map_or(actions, std::slice::from_ref);
        }
        if actions != expected {
            wrong.push(format!("{operation} by {}: {actions:?} instead of {expected:?}", CALLERS[column]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    // The document names the permission that the table shows, wherever it is the role that decides.
    let nameless: Vec<&str> = TABLE
        .iter()
        .filter(|(_, row)| row[1..5].contains('+') && row[1..5].contains('3'))
        .map(|(operation, _)| *operation)
        .filter(|operation| !permissions[*operation].is_string())
        .collect();
    assert!(nameless.is_empty(), "operations without x-permission: {nameless:#?}");
    let roles = permissions_of_roles(&world).await;
    let platform = permissions_of(&world.platform).await;
    for (operation, row) in TABLE.iter().filter(|(_, row)| row[6..7] == *"+" && !row[..6].contains('+')) {
        let permission = permissions[*operation].as_str().map(str::to_owned);
        assert!(
            permission.is_some_and(|name| platform.contains(&name)),
            "{operation} names none of {platform:?}: {row}"
        );
    }
    for (operation, row) in TABLE {
        let Some(permission) = permissions[*operation].as_str().filter(|name| !name.contains(' ')) else { continue };
        for (role, has) in roles.iter().enumerate() {
            let allowed = row.as_bytes()[role + 1] == b'+';
            assert_eq!(
                has.contains(&permission.to_owned()),
                allowed,
                "{operation} names {permission} for {}",
                CALLERS[role + 1]
            );
        }
    }
    world.clinic.stack.close().await;
}

/// What `GET /me` says that ADMIN, RECEPTIONIST, OPD and DOCTOR may do.
async fn permissions_of_roles(world: &World) -> Vec<Vec<String>> {
    let mut roles = Vec::new();
    for (_, staff) in world.clinic.staff() {
        roles.push(permissions_of(staff).await);
    }
    roles
}

async fn permissions_of(somebody: &Staff) -> Vec<String> {
    let me = somebody.get("/me").await.expect(200);
    me["permissions"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// The operations of an OpenAPI document, as `POST /login`.
pub fn operations(document: &Value) -> Vec<(String, Value)> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if ["get", "put", "post", "delete", "patch"].contains(&method.as_str()) {
                operations.push((format!("{} {path}", method.to_uppercase()), operation.clone()));
            }
        }
    }
    operations
}

/// The names of the fields that an operation takes in its body.
fn fields(document: &Value, operation: &Value) -> Vec<String> {
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let schema = match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    };
    schema["properties"].as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default()
}

/// An operator of MongoDB where text or a number belongs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_in_any_field_of_any_body_is_refused() {
    let mut world = World::new().await;
    let document = world.clinic.stack.client().get("/openapi.json").await.expect(200);
    let operators = [json!({ "$ne": "" }), json!({ "$gt": "" }), json!({ "$regex": ".*" }), json!([{ "$ne": null }])];
    // Where somebody would try it first.
    let tempting = ["/organization-login", "/login", "/add-user", "/process-payment", "/invitations/accept", "/signup"];
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for (operation, documented) in operations(&document) {
        let row = TABLE.iter().find(|(known, _)| *known == operation).unwrap().1;
        // Nobody may call the webhook here.
        let Some(column) = row.find('+') else { continue };
        let most = if tempting.iter().any(|path| operation.ends_with(path)) { operators.len() } else { 1 };
        for field in fields(&document, &documented) {
            for operator in &operators[..most] {
                tried += 1;
                let Called { status, body, .. } =
                    world.call_with(&operation, column, Some((field.as_str(), operator))).await;
                if !matches!(status, 400 | 422) || !body.contains("/problems/") || body.contains('$') {
                    wrong.push(format!("{operation} with {operator} as {field}: {status}: {body}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tried > 100, "the document shows no more than {tried} fields");
    world.clinic.stack.close().await;
}
