//! A sync with the simulated GitLab in this process and raw tables in memory.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::*;
use crate::gitlab::Call;
use crate::sync::lock::lock;
use crate::sync::report::ScopeProblem;
use crate::sync::scope::Scope;
use crate::sync::verified::Verified;

/// A GitLab, and raw tables of it.
pub struct Scene {
    pub stand: Arc<FakeGitlab>,
    pub memory: Memory,
    pub streams: Streams,
    pub options: Options,
    pub only: Vec<Pass>,
    pub request: Request,
    pub shutdown: Shutdown,
    /// Whether the projects are named one by one.
    pub single: bool,
    /// How many ids come at once, if not as many as GitLab allows.
    pub ids_at_once: Option<u32>,
    /// What stands between the two.
    pub between: Option<Arc<Between>>,
    /// What a proxy does to the headers of answers.
    pub proxy: Option<Arc<Proxy>>,
    /// Gives other answers than GitLab, headers included, if it likes.
    pub rewrite: Option<Arc<Rewrite>>,
    /// What becomes of an answer's bytes on the way.
    pub distort: Option<Arc<Distort>>,
}

/// Changes the bytes of an answer.
pub type Distort = dyn Fn(Vec<u8>) -> Vec<u8> + Send + Sync;

/// Answers instead of GitLab, headers included, if it likes.
pub type Rewrite = dyn Fn(&Call<'_>) -> Option<(StatusCode, HeaderMap, Vec<u8>)> + Send + Sync;

/// Changes the headers of an answer.
pub type Proxy = dyn Fn(&Call<'_>, &mut HeaderMap) + Send + Sync;

/// Answers instead of GitLab, if it likes.
pub type Between = dyn Fn(&Call<'_>) -> Option<(StatusCode, &'static str)> + Send + Sync;

impl Scene {
    pub fn new(projects: u32, merge_requests: u32) -> Self {
        let sizes = Sizes {
            seed: 5,
            projects,
            merge_requests,
            months: 2,
            hidden_percent: 0.0,
            hidden_run: 0,
            enterprise: true,
            deployments: 0,
            anchor: BEGINNING,
        };
        Self::of(&sizes)
    }

    pub fn of(sizes: &Sizes) -> Self {
        let streams = Streams::new();
        Self {
            stand: Arc::new(FakeGitlab::new(generate::world(sizes), 5)),
            memory: Memory::new(5),
            options: options(&streams),
            only: Vec::new(),
            streams,
            request: Request {
                reconcile: true,
                ..Request::default()
            },
            shutdown: Shutdown::default(),
            single: false,
            ids_at_once: None,
            between: None,
            proxy: None,
            rewrite: None,
            distort: None,
        }
    }

    pub fn client(&self) -> Client {
        let (answering, between, proxy) = (self.stand.clone(), self.between.clone(), self.proxy.clone());
        let (rewrite, distort) = (self.rewrite.clone(), self.distort.clone());
        let stand = move |call: &Call<'_>| {
            let (status, mut headers, mut body) = match between.as_ref().and_then(|between| between(call)) {
                Some((status, body)) => (status, HeaderMap::new(), body.as_bytes().to_vec()),
                None => match rewrite.as_ref().and_then(|rewrite| rewrite(call)) {
                    Some(answer) => answer,
                    None => answering.answer(call),
                },
            };
            if let Some(proxy) = &proxy {
                proxy(call, &mut headers);
            }
            if let Some(distort) = &distort {
                body = distort(body);
            }
            (status, headers, body)
        };
        Client::of_fake(Box::new(stand), 5)
    }

    /// One sync; whether it came to its end.
    pub async fn sync(&self) -> bool {
        let (complete, warnings) = self.sync_with_warnings().await;
        assert!(warnings.is_empty(), "{warnings:?}");
        complete
    }

    /// The same, and what could not be read.
    pub async fn sync_with_warnings(&self) -> (bool, Vec<ScopeProblem>) {
        let scope = self.stand.with_world(|world| scope_of(world, self.single));
        let (complete, warnings, _) = self.sync_of(scope).await;
        (complete, warnings)
    }

    /// The same of a scope, and what a comparison has found.
    pub async fn sync_of(&self, scope: Scope) -> (bool, Vec<ScopeProblem>, Option<Verified>) {
        self.try_sync(scope).await.expect("it goes well")
    }

    /// The same, or what stopped it.
    pub async fn try_sync(&self, scope: Scope) -> Result<(bool, Vec<ScopeProblem>, Option<Verified>), Error> {
        let (client, mut cursors) = (self.client(), self.memory.cursors());
        let scope = [scope];
        let lists = plan::lists_to_probe(&scope, &cursors, &self.request);
        let instance = gitlab::probe(&client, &self.streams.types(), &lists)
            .await
            .expect("it answers");
        let mut session = Session::new(
            &self.options,
            &client,
            &self.streams,
            &self.memory,
            instance,
            self.shutdown.clone(),
        );
        session.only.clone_from(&self.only);
        if let Some(ids_at_once) = self.ids_at_once {
            session.pages.insert(IDS, ids_at_once);
        }
        if self.request.verify {
            session.only = self.request.narrow(self.options.clone(), &self.streams).1;
        }
        let outcome = passes::run_scopes(&session, &scope, &mut cursors, &self.request).await;
        let warnings = std::mem::take(&mut *lock(&session.warnings));
        let verified = lock(&session.verified).take();
        Ok((outcome?.complete, warnings, verified))
    }

    /// Syncs until one comes to its end; how many were cut short before.
    pub async fn syncs(&self) -> u32 {
        for cut in 0..500 {
            if self.sync().await {
                return cut;
            }
        }
        panic!("it does not come to an end");
    }

    pub fn assert_equal(&self) {
        assert_eq!(
            self.stand.with_world(|world| compare(world, &self.memory, self.single)),
            Ok(())
        );
    }
}
