# The steps of scripts/deploy. Needs its variables; runs in the repository's folder.

say() { printf '\n== %s\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$1" >&2; [ -z "${2:-}" ] || printf '  hint: %s\n' "$2" >&2; exit 1; }
consent() {
    [ -z "${YES:-}" ] || return 0
    local answer
    printf '\n%s [y/N] ' "$1" >&2
    read -r answer || answer=n
    case "$answer" in y | Y | yes) ;; *) fail "nothing more was done" ;; esac
}
absolute() { case "$1" in /*) echo "$1" ;; *) echo "$PWD/$1" ;; esac; }

# Points Terraform to the state; the bucket keeps the settings beside it, and which images run, so that the next one to
# connect, and `terraform apply` by hand, mean the same.
connect() {
    BUCKET="$PROJECT-terraform-state" SETTINGS="gs://$PROJECT-terraform-state/$NAME/terraform.tfvars"
    printf 'terraform {\n  backend "gcs" {\n    bucket = "%s"\n    prefix = "%s"\n  }\n}\n' "$BUCKET" "$NAME" >infra/backend.tf
    terraform -chdir=infra init -input=false -reconfigure
    IMAGES="gs://$BUCKET/$NAME/images.auto.tfvars.json"
    gcloud storage cat "$IMAGES" --project="$PROJECT" >infra/images.auto.tfvars.json 2>/dev/null || echo '{"images": {}, "image_tag": null}' >infra/images.auto.tfvars.json
}

# A text from the settings, or its default: Terraform can't be asked before it knows its state.
setting() {
    local said
    said=$(sed -n "s/^ *$1 *= *\"\([^\"]*\)\".*/\1/p" "$VARIABLES")
    [ -n "$said" ] || said=$(sed -n "/^variable \"$1\"/,/^}/s/^ *default *= *\"\([^\"]*\)\"/\1/p" infra/variables*.tf)
    echo "$said"
}

# What only Terraform can read for sure: variables with their defaults, locals.
read_settings() {
    local said
    said=$(echo 'join(" ", [var.name, var.bq_location, var.dataset_raw, var.dataset_modeled, var.region, join(",", local.regions), join(",", keys(local.secrets))])' |
        terraform -chdir=infra console -var-file="$VARIABLES" | tail -1 | tr -d '"')
    read -r NAME LOCATION RAW MODELED REGION REGIONS SECRETS <<<"$said"
    [ -n "${SECRETS:-}" ] || fail "terraform could not read $VARIABLES" "its message is above"
}

# Where alerts can point to: this repository's pages, as its host shows them.
runbooks() {
    local url
    url=$(git remote get-url origin 2>/dev/null) || return 0
    case "$url" in
    https://*) url=$(sed -E 's#^https://([^/]*@)?##' <<<"$url") ;;
    ssh://*) url=$(sed -E 's#^ssh://([^/]*@)?([^/:]+)(:[0-9]+)?#\2#' <<<"$url") ;;
    *@*:*) url=$(sed -E 's#^[^/]*@([^:/]+):/?#\1/#' <<<"$url") ;;
    *) return 0 ;;
    esac
    url=${url%/} url=https://${url%.git}
    case "$url" in
    https://github.com/*) echo "$url/blob/HEAD/docs/runbooks" ;;
    https://bitbucket.org/*) echo "$url/src/HEAD/docs/runbooks" ;;
    *) echo "$url/-/blob/HEAD/docs/runbooks" ;;
    esac
}

# The smoke test calls as the scheduler; not even an owner may do that unless it is granted.
offer_operator() {
    local me answer=n
    ! grep -q '^ *operators *=' "$VARIABLES" && [ -z "${YES:-}" ] || return 0
    me=$(gcloud config get-value account 2>/dev/null) || return 0
    [ -n "$me" ] || return 0
    printf '\nNobody may call the functions by hand, as the smoke test does. Add operators = ["user:%s"] to %s? [y/N] ' "$me" "$VARIABLES" >&2
    read -r answer || answer=n
    case "$answer" in y | Y | yes) printf 'operators = ["user:%s"]\n' "$me" >>"$VARIABLES" ;; esac
}

# Plans into a file. The settings come last, so that they count more.
plan() {
    local file=$1
    shift
    terraform -chdir=infra plan -input=false -out="$WORK/$file" ${RUNBOOKS:+"-var=runbook_url=$RUNBOOKS"} -var-file="$VARIABLES" "$@"
}
apply() { terraform -chdir=infra apply -input=false "$WORK/$1"; }

# What must be there, and known to Google, before a service starts: without images that is everything there is. Where services
# run already, Terraform would change them in the same breath, before new secrets have values and new roles count.
plan_foundation() {
    local targets=()
    if ! grep -q '"images": {}' infra/images.auto.tfvars.json; then
        targets=(
            google_project_service.this google_project_iam_member.jobs google_service_account_iam_member.operators
            google_secret_manager_secret_iam_member.readers google_secret_manager_secret_iam_member.operators
            google_bigquery_dataset_iam_member.functions google_logging_metric.this
            google_artifact_registry_repository_iam_member.build google_storage_bucket_iam_member.build
        )
    fi
    plan foundation ${targets[@]+"${targets[@]/#/-target=}"}
}

# Whether a plan, of which `changes` was asked, gives somebody a role.
grants() {
    python3 - "$WORK/$1.json" <<'PYTHON'
import json, sys
changed = json.load(open(sys.argv[1])).get("resource_changes", [])
sys.exit(not any(c["type"].endswith("_iam_member") and "create" in c["change"]["actions"] for c in changed))
PYTHON
}
changes() {
    terraform -chdir=infra show -json "$WORK/$1" >"$WORK/$1.json"
    python3 - "$WORK/$1.json" <<'PYTHON'
import json, sys
plan = json.load(open(sys.argv[1]))
changed = [c for c in plan.get("resource_changes", []) if c["change"]["actions"] not in (["no-op"], ["read"]) or "importing" in c["change"]]
outputs = [c for c in plan.get("output_changes", {}).values() if c["actions"] != ["no-op"]]
sys.exit(not (changed or outputs))
PYTHON
}

# A dataset that a run from a laptop made is taken over, not made again; the plan shows it.
import_datasets() {
    local key dataset found known
    rm -f infra/imports.tf
    known=$(terraform -chdir=infra state list google_bigquery_dataset.this 2>/dev/null || true)
    for key in raw modeled staging; do
        case "$key" in raw) dataset=$RAW ;; modeled) dataset=$MODELED ;; *) dataset=${MODELED}_staging ;; esac
        [[ "$known" != *"this[\"$key\"]"* ]] || continue
        found=$(bq --project_id="$PROJECT" show --format=json "$PROJECT:$dataset" 2>/dev/null </dev/null |
            python3 -c 'import json, sys; print(json.load(sys.stdin).get("location", ""))' 2>/dev/null) || continue
        [ "$found" = "$LOCATION" ] || fail "the dataset $dataset exists, in $found and not in $LOCATION" "set bq_location = \"$found\", or name other datasets"
        echo "the dataset $dataset exists: it becomes part of this" >&2
        printf 'import {\n  to = google_bigquery_dataset.this["%s"]\n  id = "projects/%s/datasets/%s"\n}\n' "$key" "$PROJECT" "$dataset" >>infra/imports.tf
    done
}

# Gives each secret a value that has none: of what is only known outside it asks, the others it makes at random.
provide_secrets() {
    local secret id
    for secret in ${SECRETS//,/ }; do
        id="$NAME-$secret"
        if [ -n "$(gcloud secrets versions list "$id" --project="$PROJECT" --filter=state=ENABLED --limit=1 --format='value(name)' 2>/dev/null)" ]; then
            echo "$id has a value" >&2
        elif [ "$secret" = gitlab-token ]; then
            if [ -z "${GITLAB_TOKEN:-}" ]; then printf 'GitLab access token with the scope read_api: ' >&2; read -rs GITLAB_TOKEN; echo >&2; fi
            [ -n "$GITLAB_TOKEN" ] || fail "no token was given"
            printf %s "$GITLAB_TOKEN" | gcloud secrets versions add "$id" --project="$PROJECT" --data-file=- >/dev/null
        elif [ "$secret" = gitlab-ca ]; then
            [ -f "${GITLAB_CA_FILE:-}" ] || fail "GITLAB_CA_FILE names no file" "with gitlab_ca it is the file (PEM) with the certificates of those who sign GitLab's"
            grep -q 'BEGIN CERTIFICATE' "$GITLAB_CA_FILE" || fail "$GITLAB_CA_FILE holds no certificate (PEM)"
            gcloud secrets versions add "$id" --project="$PROJECT" --data-file="$GITLAB_CA_FILE" >/dev/null
        else
            openssl rand -hex 32 | tr -d '\n' | gcloud secrets versions add "$id" --project="$PROJECT" --data-file=- >/dev/null
            echo "$id: a new random value" >&2
        fi
    done
}

digest() { gcloud artifacts docker images describe "$1" --project="$PROJECT" --format='value(image_summary.digest)' 2>/dev/null || true; }

submit() {
    local bucket="gs://$PROJECT-$NAME-build"
    [ "$BUILDS_IN" = "$REGION" ] || bucket+=-2
    gcloud builds submit --project="$PROJECT" --region="$BUILDS_IN" --service-account="projects/$PROJECT/serviceAccounts/$NAME-build@$PROJECT.iam.gserviceaccount.com" \
        --gcs-source-staging-dir="$bucket/source" --gcs-log-dir="$bucket/log" "$@"
}

# Makes sure that each region's repository holds both images, and writes their digests where Terraform reads them. What one
# region has is copied to the others, so that all run the same; what none has is built, into the first.
provide_images() {
    local regions=${PUSH_TO:-${REGIONS//,/ }} region image from found copies="" repository missing=""
    # The first of them builds.
    BUILDS_IN=${regions%% *}
    for image in gitlab-connector dbt-trigger; do
        [ -n "$(holder "$image" "$regions")" ] || missing=1
    done
    if [ -n "$missing" ]; then
        [ -n "$BUILD" ] || fail "no registry holds the images of $TAG" "without TAG=… this commit is built"
        repository="$BUILDS_IN-docker.pkg.dev/$PROJECT/$NAME"
        set -- --config=cloudbuild.yaml --substitutions="_TAG=$TAG,_REPOSITORY=$repository,_BQ_LOCATION=$LOCATION,_BQ_DATASET_RAW=$RAW,_BQ_DATASET_MODELED=$MODELED" .
        if ! submit "$@"; then
            [ -n "$MADE" ] || fail "the build failed" "its log is above"
            echo "the build's account is new, and Google may not know its roles yet: trying again in two minutes" >&2
            sleep 120
            submit "$@"
        fi
        BUILT=1
    fi
    for image in gitlab-connector dbt-trigger; do
        from=$(holder "$image" "$regions")
        [ -n "$from" ] || fail "the build left no $image:$TAG"
        for region in $regions; do
            repository="$region-docker.pkg.dev/$PROJECT/$NAME"
            [ "$(digest "$repository/$image:$TAG")" = "${from#*@}" ] || copies+="$from $repository/$image:$TAG "
        done
    done
    [ -z "$copies" ] || submit --no-source --config=infra/copy-images.yaml --substitutions="_COPIES=${copies% }"
    found=""
    for region in $regions; do
        repository="$region-docker.pkg.dev/$PROJECT/$NAME"
        found+="$region $(digest "$repository/gitlab-connector:$TAG") $(digest "$repository/dbt-trigger:$TAG") "
    done
    TAG=$TAG python3 -c '
import json, os, sys
path, found = "infra/images.auto.tfvars.json", iter(sys.argv[1:])
images = json.load(open(path))["images"]
for region, connector, trigger in zip(found, found, found):
    images[region] = {"connector": connector, "trigger": trigger}
json.dump({"images": images, "image_tag": os.environ["TAG"]}, open(path, "w"))' $found
    # Before they are deployed: should that fail, the next attempt has to know which services there are.
    gcloud storage cp infra/images.auto.tfvars.json "$IMAGES" --project="$PROJECT"
}

# Where an image of this tag is, by digest; nothing if nowhere.
holder() {
    local region found
    for region in $2; do
        found=$(digest "$region-docker.pkg.dev/$PROJECT/$NAME/$1:$TAG")
        [ -z "$found" ] || { echo "$region-docker.pkg.dev/$PROJECT/$NAME/$1@$found"; return; }
    done
}

# A service that failed at its first start is "tainted": Terraform would replace it, which deletion protection refuses.
untaint() {
    TAINTED=$(terraform -chdir=infra show -json | python3 -c '
import json, sys
def walk(module):
    for resource in module.get("resources", []):
        if resource["type"] == "google_cloud_run_v2_service" and resource.get("tainted"):
            print(resource["values"]["location"], resource["values"]["name"], resource["address"])
    for child in module.get("child_modules", []):
        walk(child)
walk(json.load(sys.stdin).get("values", {}).get("root_module", {}))')
    local region name address
    while read -r region name address; do
        [ -z "$address" ] || terraform -chdir=infra untaint "$address"
    done <<<"$TAINTED"
}

# It needs a new revision instead, also where nothing changed: a variable brings one, and the next apply takes it away.
start_again() {
    local region name address
    while read -r region name address; do
        [ -z "$name" ] || gcloud run services update "$name" --region="$region" --project="$PROJECT" --update-env-vars=STARTED_AGAIN="$TAG" </dev/null ||
            echo "$name does not start yet" >&2
    done <<<"$TAINTED"
}

# Applies the plan, and the rest of it again where Google only needs time: a metric "could take up to 10 minutes" to be
# known, and one of its own accounts some, too.
apply_patiently() {
    local attempt
    for attempt in 1 2 3 4 5 6 7 8; do
        ! terraform -chdir=infra apply -input=false "$WORK/all" 2>&1 | tee "$WORK/log" || return 0
        python3 - "$WORK/log" <<'PYTHON' || fail "terraform could not apply everything" "its message is above; what was made stays, and deploying again goes on from there"
import re, sys
text = re.sub(r"\x1b\[[0-9;]*m|[│╷╵]", " ", open(sys.argv[1]).read())
errors = re.sub(r"\s+", " ", text).split(" Error: ")[1:]
passing = re.compile(r"Cannot find metric\(s\)|gcp-sa-[\w-]+\.iam\.gserviceaccount\.com does not exist")
sys.exit(not errors or not all(passing.search(error) for error in errors))
PYTHON
        [ "$attempt" -lt 8 ] || fail "Google still does not know everything" "deploy again later"
        echo "Google needs some minutes to know what is new: trying the rest again in 90 seconds" >&2
        sleep 90
        plan all
    done
}

undo() {
    if [ -n "$BEFORE" ] && [ "$BEFORE" != "$TAG" ]; then
        printf '\nTo go back:  TAG=%s scripts/deploy %s\n' "$BEFORE" "$VARIABLES" >&2
    else
        printf '\nTo take it all away, some day: docs/deploy.md, "Taking it away"\n' >&2
    fi
}
