package filter

// charset is a set of byte classes that a token may consist of.
type charset uint8

const (
	lower charset = 1 << iota
	upper
	digit
	dash // - and _
	dot
	base64ish // + / =
	hexUpper  // A-F, for sets without upper
	hexLower  // a-f, for sets without lower

	alnum   = lower | upper | digit
	word    = alnum | dash
	capital = upper | digit
	hexSet  = digit | hexLower
	anyHex  = hexSet | hexUpper
	full    = word | dot | base64ish
)

// prefixRule masks a token that a vendor made recognisable: Prefix, then at
// least Min (at most Max, when set) characters of Set, as a whole word.
type prefixRule struct {
	ID, Prefix string
	Set        charset
	Min, Max   int
}

// prefixRules, one row each; a test demands a hit and a near miss for every
// row. Publishable keys (Stripe pk_, PostHog phc_) are no secrets and absent.
var prefixRules = [...]prefixRule{
	{"adafruit", "aio_", alnum, 28, 28},
	{"adobe", "p8e-", hexSet, 32, 32},
	{"age.identity", "AGE-SECRET-KEY-1", capital, 58, 58},
	{"airtable", "pat", word | dot, 70, 90},
	{"alibaba", "LTAI", alnum, 16, 24},
	{"amazon.access", "Atza|", word, 40, 0},
	{"amazon.lwa", "amzn1.oa2-cs.v1.", hexSet, 40, 0},
	{"amazon.mws", "amzn.mws.", hexSet | dash, 36, 36},
	{"amazon.refresh", "Atzr|", word, 40, 0},
	{"anthropic", "sk-ant-", word, 20, 0},
	{"anyscale", "esecret_", alnum, 20, 0},
	{"apify", "apify_api_", alnum, 30, 0},
	{"artifactory", "AKCp", alnum, 40, 0},
	{"asana", "ATATT", word | base64ish, 40, 0},
	{"atlassian.connect", "ATCTT", word | base64ish, 40, 0},
	{"aws.bearer", "ABIA", capital, 16, 16},
	{"aws.bedrock", "ABSK", alnum | base64ish, 60, 0},
	{"aws.context", "ACCA", capital, 16, 16},
	{"aws.key", "AKIA", capital, 16, 16},
	{"aws.session", "IQoJb3JpZ2lu", alnum | base64ish, 60, 0},
	{"aws.session.old", "FwoGZXIvYXdz", alnum | base64ish, 60, 0},
	{"aws.temporary", "ASIA", capital, 16, 16},
	{"bitbucket", "BBDC-", alnum | base64ish, 30, 0},
	{"bitbucket.app", "ATBB", alnum | base64ish, 28, 40},
	{"brave", "BSA", word, 24, 32},
	{"brevo", "xkeysib-", word, 40, 0},
	{"browserbase", "bb_live_", word, 20, 0},
	{"buildkite", "bkua_", alnum, 30, 0},
	{"cerebras", "csk-", alnum, 30, 0},
	{"circleci", "CCIPAT_", word, 30, 0},
	{"clojars", "CLOJARS_", alnum, 50, 0},
	{"cloudflare.ca", "v1.0-", word, 100, 0},
	{"contentful", "CFPAT-", word, 40, 0},
	{"crates", "cio", alnum, 32, 32},
	{"databricks", "dapi", hexSet | dash, 32, 36},
	{"defined", "dnkey-", alnum | dash, 40, 0},
	{"digitalocean", "dop_v1_", hexSet, 64, 64},
	{"digitalocean.oauth", "doo_v1_", hexSet, 64, 64},
	{"digitalocean.refresh", "dor_v1_", hexSet, 64, 64},
	{"docker.oat", "dckr_oat_", word, 20, 0},
	{"docker.pat", "dckr_pat_", word, 20, 0},
	{"doppler", "dp.pt.", alnum, 40, 0},
	{"doppler.cli", "dp.ct.", alnum, 40, 0},
	{"doppler.service", "dp.st.", word | dot, 40, 0},
	{"dropbox", "sl.", word, 60, 0},
	{"duffel", "duffel_live_", word, 30, 0},
	{"duffel.test", "duffel_test_", word, 30, 0},
	{"dynatrace", "dt0c01.", alnum | dot, 80, 0},
	{"e2b", "e2b_", hexSet, 40, 40},
	{"easypost", "EZAK", alnum, 50, 0},
	{"easypost.test", "EZTK", alnum, 50, 0},
	{"facebook", "EAA", alnum, 80, 0},
	{"fal.fly", "fm2_", alnum | base64ish, 60, 0},
	{"figma", "figd_", word, 36, 0},
	{"firecrawl", "fc-", hexSet, 32, 32},
	{"fireworks", "fw_", alnum, 20, 0},
	{"flutterwave", "FLWSECK-", word, 28, 0},
	{"flutterwave.test", "FLWSECK_TEST-", word, 28, 0},
	{"fly", "fo1_", word, 40, 0},
	{"fly.access", "fm1a_", alnum | base64ish, 60, 0},
	{"fly.refresh", "fm1r_", alnum | base64ish, 60, 0},
	{"frameio", "fio-u-", word, 40, 0},
	{"github", "ghp_", alnum, 30, 0},
	{"github.fine", "github_pat_", word, 40, 0},
	{"github.oauth", "gho_", alnum, 30, 0},
	{"github.refresh", "ghr_", alnum, 30, 0},
	{"github.server", "ghs_", word | dot, 30, 0},
	{"github.user", "ghu_", alnum, 30, 0},
	{"gitlab", "glpat-", word | dot, 20, 0},
	{"gitlab.agent", "glagent-", word, 40, 0},
	{"gitlab.ci", "glcbt-", word, 20, 0},
	{"gitlab.deploy", "gldt-", word, 20, 0},
	{"gitlab.feed", "glft-", word, 20, 0},
	{"gitlab.flags", "glffct-", word, 20, 0},
	{"gitlab.mail", "glimt-", word, 20, 0},
	{"gitlab.oauth", "gloas-", word, 20, 0},
	{"gitlab.registration", "GR1348941", word, 20, 0},
	{"gitlab.runner", "glrt-", word | dot, 20, 0},
	{"gitlab.runner.old", "glrtr-", word, 20, 0},
	{"gitlab.scim", "glsoat-", word, 20, 0},
	{"gitlab.trigger", "glptt-", word, 20, 0},
	{"google.api", "AIza", word, 30, 45},
	{"google.oauth", "ya29.", word | dot, 30, 0},
	{"google.refresh", "1//0", word, 40, 0},
	{"google.secret", "GOCSPX-", word, 20, 0},
	{"grafana", "glsa_", word, 36, 0},
	{"grafana.cloud", "glc_", alnum | base64ish, 32, 0},
	{"groq", "gsk_", alnum, 30, 0},
	{"hashicorp.batch", "hvb.", word, 24, 0},
	{"hashicorp.recovery", "hvr.", word, 24, 0},
	{"hashicorp.vault", "hvs.", word, 24, 0},
	{"heroku", "HRKU-", word, 36, 0},
	{"hubspot", "pat-na1-", hexSet | dash, 36, 36},
	{"hubspot.eu", "pat-eu1-", hexSet | dash, 36, 36},
	{"huggingface", "hf_", alnum, 30, 0},
	{"huggingface.org", "api_org_", alnum, 30, 0},
	{"infracost", "ico-", alnum, 32, 0},
	{"instagram", "IGQ", word, 100, 0},
	{"intra42", "s-s4t2", word, 60, 0},
	{"jina", "jina_", alnum, 40, 0},
	{"kaggle", "KGAT_", alnum, 30, 0},
	{"langsmith", "lsv2_pt_", hexSet | dash, 32, 0},
	{"langsmith.service", "lsv2_sk_", hexSet | dash, 32, 0},
	{"linear", "lin_api_", alnum, 32, 0},
	{"linear.oauth", "lin_oauth_", alnum, 32, 0},
	{"mailgun", "key-", hexSet, 32, 32},
	{"mapbox.secret", "sk.eyJ", word | dot, 40, 0},
	{"matrix", "syt_", alnum | dash, 30, 0},
	{"netlify", "nfp_", alnum, 32, 0},
	{"newrelic", "NRAK-", capital, 27, 27},
	{"newrelic.insert", "NRII-", word, 32, 0},
	{"notion", "ntn_", alnum, 32, 0},
	{"notion.old", "secret_", alnum, 43, 43},
	{"npm", "npm_", alnum, 30, 0},
	{"nuget", "oy2", lower | digit, 43, 43},
	{"nvidia", "nvapi-", word, 40, 0},
	{"octopus", "API-", capital, 26, 26},
	{"matrix.compat", "mct_", alnum | dash, 20, 0},
	{"onepassword", "ops_eyJ", word | base64ish, 60, 0},
	{"openai", "sk-proj-", word, 40, 0},
	{"openai.admin", "sk-admin-", word, 40, 0},
	{"openai.service", "sk-svcacct-", word, 40, 0},
	{"openrouter", "sk-or-v1-", hexSet, 40, 0},
	{"openshift", "sha256~", word, 43, 43},
	{"paypal", "access_token$production$", lower | digit, 16, 0},
	{"perplexity", "pplx-", alnum, 32, 0},
	{"pinecone", "pcsk_", word, 40, 0},
	{"plaid", "access-production-", hexSet | dash, 36, 36},
	{"plaid.sandbox", "access-sandbox-", hexSet | dash, 36, 36},
	{"planetscale", "pscale_tkn_", word | dot, 32, 0},
	{"planetscale.oauth", "pscale_oauth_", word | dot, 32, 0},
	{"planetscale.password", "pscale_pw_", word | dot, 32, 0},
	{"posthog", "phx_", alnum, 32, 0},
	{"postman", "PMAK-", hexSet | dash, 50, 0},
	{"prefect", "pnu_", alnum, 36, 0},
	{"pulumi", "pul-", hexSet, 40, 40},
	{"pypi", "pypi-AgE", word, 50, 0},
	{"rapid.replicate", "r8_", alnum, 32, 0},
	{"razorpay", "rzp_live_", alnum, 14, 0},
	{"razorpay.test", "rzp_test_", alnum, 14, 0},
	{"readme", "rdme_", alnum, 70, 0},
	{"render", "rnd_", alnum, 24, 0},
	{"resend", "re_", word, 28, 0},
	{"rubygems", "rubygems_", hexSet, 48, 48},
	{"runpod", "rpa_", alnum, 40, 0},
	{"scalingo", "tk-us-", word, 48, 0},
	{"secret.uri", "secret-token:", word | dot, 16, 0},
	{"sendgrid", "SG.", word | dot, 50, 0},
	{"sendinblue.smtp", "xsmtpsib-", word, 40, 0},
	{"sentry.org", "sntrys_", word | base64ish, 60, 0},
	{"sentry.user", "sntryu_", hexSet, 64, 64},
	{"settlemint", "sm_", word, 40, 0},
	{"shippo", "shippo_live_", hexSet, 40, 40},
	{"shippo.test", "shippo_test_", hexSet, 40, 40},
	{"shopify", "shpat_", anyHex, 32, 32},
	{"shopify.custom", "shpca_", anyHex, 32, 32},
	{"shopify.private", "shppa_", anyHex, 32, 32},
	{"shopify.shared", "shpss_", anyHex, 32, 32},
	{"sk", "sk-", alnum, 32, 0},
	{"sk.named", "sk-", word, 40, 0},
	{"slack.app", "xapp-", word, 30, 0},
	{"slack.bot", "xoxb-", word, 20, 0},
	{"slack.client", "xoxc-", word, 20, 0},
	{"slack.cookie", "xoxd-", word | base64ish, 20, 0},
	{"slack.export", "xoxe", word | dot, 40, 0},
	{"slack.legacy", "xoxa-", word, 20, 0},
	{"slack.refresh", "xoxr-", word, 20, 0},
	{"slack.user", "xoxp-", word, 20, 0},
	{"slack.workspace", "xoxs-", word, 20, 0},
	{"snyk", "snyk_uat.", word | dot, 40, 0},
	{"sonar", "sqp_", hexSet, 40, 40},
	{"sonar.analysis", "sqa_", hexSet, 40, 40},
	{"sonar.user", "squ_", hexSet, 40, 40},
	{"sourcegraph", "sgp_", hexSet | dash, 40, 0},
	{"square", "EAAA", word, 60, 0},
	{"square.old", "sq0atp-", word, 22, 0},
	{"square.secret", "sq0csp-", word, 40, 0},
	{"stripe.live", "sk_live_", alnum, 16, 0},
	{"stripe.restricted", "rk_live_", alnum, 16, 0},
	{"stripe.restricted.test", "rk_test_", alnum, 16, 0},
	{"stripe.test", "sk_test_", alnum, 16, 0},
	{"stripe.webhook", "whsec_", alnum | base64ish, 20, 0},
	{"supabase", "sbp_", hexSet | dash, 40, 0},
	{"supabase.secret", "sb_secret_", word, 20, 0},
	{"tailscale", "tskey-", word, 24, 0},
	{"tavily", "tvly-", word, 24, 0},
	{"tencent", "AKID", alnum, 32, 32},
	{"terraform", "ATLASV1.", word | dot, 60, 0},
	{"together", "tgp_v1_", word, 40, 0},
	{"twilio", "SK", hexSet, 32, 32},
	{"typeform", "tfp_", word | dot, 40, 0},
	{"vercel", "vcp_", alnum, 24, 0},
	{"volcengine", "AKLT", word, 40, 0},
	{"voyage", "pa-", word, 43, 43},
	{"wandb", "wandb_v1_", word, 40, 0},
	{"xai", "xai-", alnum, 40, 0},
	{"yandex", "AQVN", word, 35, 40},
	{"yandex.iam", "t1.9eu", word | dot | base64ish, 40, 0},
	{"yandex.key", "YC", word, 38, 38},
	{"zuplo", "zpka_", word, 40, 0},
}

// flagRule is a short command-line option that carries a credential.
type flagRule struct {
	program string
	flag    byte
	form    flagForm
	part    flagPart
}

type flagForm uint8

const (
	separate flagForm = iota // -p value
	joined                   // -pvalue
	either
)

type flagPart uint8

const (
	wholeValue flagPart = iota
	afterColon          // user:password
	afterPercent
	afterComma
)

var flagRules = [...]flagRule{
	{"curl", 'u', either, afterColon}, {"curl", 'U', either, afterColon}, {"curl", 'b', either, wholeValue},
	{"http", 'a', either, afterColon}, {"https", 'a', either, afterColon}, {"xh", 'a', either, afterColon},
	{"mysql", 'p', joined, wholeValue}, {"mysqldump", 'p', joined, wholeValue}, {"mysqladmin", 'p', joined, wholeValue},
	{"mariadb", 'p', joined, wholeValue}, {"mariadb-dump", 'p', joined, wholeValue}, {"mysqlimport", 'p', joined, wholeValue},
	{"sshpass", 'p', either, wholeValue}, {"redis-cli", 'a', either, wholeValue}, {"login", 'p', either, wholeValue},
	{"ldapsearch", 'w', either, wholeValue}, {"ldapadd", 'w', either, wholeValue}, {"ldapmodify", 'w', either, wholeValue},
	{"smbclient", 'U', either, afterPercent}, {"rpcclient", 'U', either, afterPercent},
	{"zip", 'P', either, wholeValue}, {"unzip", 'P', either, wholeValue}, {"7z", 'p', joined, wholeValue}, {"7za", 'p', joined, wholeValue},
	{"rar", 'p', joined, wholeValue}, {"unrar", 'p', joined, wholeValue}, {"mosquitto_pub", 'P', either, wholeValue},
	{"mosquitto_sub", 'P', either, wholeValue}, {"sqlcmd", 'P', either, wholeValue}, {"bcp", 'P', either, wholeValue},
	{"ipmitool", 'P', either, wholeValue}, {"mongosh", 'p', either, wholeValue}, {"mongo", 'p', either, wholeValue},
	{"mongodump", 'p', either, wholeValue}, {"cqlsh", 'p', either, wholeValue}, {"vault", 't', either, wholeValue},
	{"snmpwalk", 'c', either, wholeValue}, {"snmpget", 'c', either, wholeValue}, {"snmpwalk", 'A', either, wholeValue}, {"snmpwalk", 'X', either, wholeValue},
	{"snmpget", 'A', either, wholeValue}, {"snmpget", 'X', either, wholeValue}, {"ssh-keygen", 'N', either, wholeValue}, {"ssh-keygen", 'P', either, wholeValue}, {"lftp", 'u', either, afterComma},
	{"impacket-psexec", 'p', separate, wholeValue}, {"crackmapexec", 'p', separate, wholeValue}, {"evil-winrm", 'p', separate, wholeValue}, {"kinit", 'w', either, wholeValue},
	{"swaks", 'p', separate, wholeValue}, {"openssl", 'k', separate, wholeValue}, {"keytool", 'p', separate, wholeValue},
}

// webhookRule is a URL whose path is the credential. A host that begins with a
// full stop stands for every host below it.
type webhookRule struct {
	host, path string
	keep       int // path segments after path that are ids, not secret
	least      int // bytes of what is secret
}

var webhookRules = [...]webhookRule{
	{"hooks.slack.com", "/services/", 0, 16}, {"hooks.slack.com", "/workflows/", 0, 16}, {"hooks.slack.com", "/triggers/", 0, 16},
	{"discord.com", "/api/webhooks/", 1, 16}, {".discord.com", "/api/webhooks/", 1, 16}, {"discordapp.com", "/api/webhooks/", 1, 16},
	{"discord.com", "/api/v10/webhooks/", 1, 16}, {"discordapp.com", "/api/v10/webhooks/", 1, 16}, {".discordapp.com", "/api/", 2, 16},
	{"maker.ifttt.com", "/use/", 0, 16}, {"hooks.zapier.com", "/hooks/catch/", 0, 10}, {"hc-ping.com", "/", 0, 16},
	{"outlook.office.com", "/webhook/", 0, 16}, {".webhook.office.com", "/webhookb2/", 0, 16}, {".logic.azure.com", "/workflows/", 0, 16},
	{"chat.googleapis.com", "/v1/spaces/", 2, 16}, {"open.feishu.cn", "/open-apis/bot/v2/hook/", 0, 16}, {"open.larksuite.com", "/open-apis/bot/v2/hook/", 0, 16},
}
