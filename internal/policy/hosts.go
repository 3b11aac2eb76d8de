package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// MaxReadURL bounds the URL of a request to a host that is listed for reading
// (R10): what a longer one asks for is rather told than asked.
const MaxReadURL = 2048

// Tunnel reports a destination of which nothing but the name can be seen: a
// CONNECT that is not opened.
func (h *Host) Tunnel() bool { return h.Scheme == "https" && h.Method == "" && h.Path == "" }

// SharedHost reports whether strangers have accounts of their own at a host,
// so that whoever may send there may send to them (R10): code and package
// hosting, chat, object stores, forms, pastes, tunnels, model providers. A
// wildcard counts when anything below it does.
func SharedHost(name string) bool {
	if below, ok := strings.CutPrefix(name, "*."); ok {
		return SharedHost(below) || slices.ContainsFunc(sharedHosts[:], func(s string) bool { return strings.HasSuffix(s, "."+below) })
	}
	return slices.ContainsFunc(sharedHosts[:], func(s string) bool { return name == s || strings.HasSuffix(name, "."+s) })
}

// sharedHosts stand with everything below them.
var sharedHosts = [...]string{
	// code, packages, images
	"github.com", "githubusercontent.com", "github.io", "gitlab.com", "gitlab.io", "bitbucket.org", "codeberg.org", "sr.ht", "gitea.com", "dev.azure.com", "visualstudio.com",
	"npmjs.org", "npmjs.com", "upload.pypi.org", "test.pypi.org", "rubygems.org", "crates.io", "packagist.org", "nuget.org", "jsr.io", "hub.docker.com", "docker.io", "ghcr.io",
	"quay.io", "huggingface.co", "hf.co", "hf.space", "kaggle.com", "replit.com", "repl.co", "glitch.me", "codesandbox.io", "stackblitz.com", "jsfiddle.net", "codepen.io",
	// chat, mail, notes, forms
	"telegram.org", "t.me", "discord.com", "discordapp.com", "slack.com", "api.whatsapp.com", "graph.facebook.com", "pushover.net", "ntfy.sh", "api.twilio.com", "api.sendgrid.com",
	"api.mailgun.net", "api.postmarkapp.com", "notion.com", "notion.so", "airtable.com", "trello.com", "atlassian.net", "linear.app", "typeform.com", "forms.gle", "jotform.com",
	"reddit.com", "x.com", "twitter.com", "mastodon.social", "bsky.social", "medium.com", "substack.com", "wordpress.com", "tumblr.com", "blogspot.com", "youtube.com",
	// stores and platforms
	"amazonaws.com", "cloudfront.net", "googleapis.com", "docs.google.com", "drive.google.com", "script.google.com", "sites.google.com", "firebaseio.com", "web.app", "firebaseapp.com",
	"appspot.com", "run.app", "cloudfunctions.net", "core.windows.net", "azurewebsites.net", "azureedge.net", "sharepoint.com", "1drv.ms", "onedrive.live.com", "graph.microsoft.com",
	"workers.dev", "pages.dev", "r2.dev", "r2.cloudflarestorage.com", "vercel.app", "netlify.app", "herokuapp.com", "fly.dev", "render.com", "onrender.com", "railway.app", "deno.dev",
	"surge.sh", "digitaloceanspaces.com", "ondigitalocean.app", "backblazeb2.com", "wasabisys.com", "supabase.co", "dropbox.com", "dropboxapi.com", "dropboxusercontent.com", "box.com",
	"archive.org", "ipfs.io", "dweb.link",
	// pastes, drops, request catchers, tunnels
	"pastebin.com", "paste.rs", "dpaste.com", "dpaste.org", "hastebin.com", "rentry.co", "ix.io", "termbin.com", "0x0.st", "transfer.sh", "file.io", "gofile.io", "catbox.moe", "bashupload.com",
	"webhook.site", "pipedream.net", "requestcatcher.com", "requestbin.com", "beeceptor.com", "mockbin.org", "httpbin.org", "postb.in", "interact.sh", "oast.fun", "oast.pro", "oast.live",
	"oast.site", "oast.online", "oast.me", "burpcollaborator.net", "oastify.com", "canarytokens.com", "ngrok.io", "ngrok.app", "ngrok-free.app", "ngrok.dev", "loca.lt", "localhost.run",
	"trycloudflare.com", "serveo.net", "ts.net", "duckdns.org", "nip.io", "sslip.io", "bit.ly", "tinyurl.com", "is.gd",
	// model providers: an account there takes files and keeps requests
	"api.openai.com", "api.anthropic.com", "api.mistral.ai", "api.cohere.com", "openrouter.ai", "api.groq.com", "api.together.xyz", "api.deepseek.com", "api.x.ai", "api.replicate.com",
}

// judge says what a rule about its host makes of a request there. Whatever it
// cannot see it does not count as harmless, but for the kind of request in a
// tunnel to a host that belongs to one owner (docs/egress.md).
func (h *HostRule) judge(q *Host) (Verdict, RuleID, claw.ConfigRef) {
	tunnel, shared, read := q.Tunnel(), SharedHost(q.Name), h.Class == HostRead
	switch {
	case tunnel && len(h.Methods) > 0:
		return Deny, "egress.method_unknown", h.Where
	case len(h.Methods) > 0 && q.Method != "" && !slices.Contains(h.Methods, q.Method),
		read && (q.Body || q.Method != "" && !readOnlyMethod(q.Method)):
		return Deny, "egress.method", h.Where
	case read && q.URLBytes > MaxReadURL:
		return Deny, "egress.url_too_long", h.Where
	case tunnel && shared && read:
		return Deny, "egress.tunnel_unseen", h.Where
	case shared && !read && !tunnel && len(h.Paths) == 0 && q.Scheme != "" && (q.Body || !readOnlyMethod(q.Method)):
		return Deny, "egress.path_needed", h.Where
	case len(h.Paths) == 0 || q.Path == "" && q.Scheme == "": // a command line names hosts; its requests are judged one by one
	case q.Path == "":
		return Deny, "egress.path_unknown", h.Where
	case !h.covers(q.Path):
		return Deny, "egress.path", h.Where
	}
	if tunnel && shared {
		return Allow, RuleAnythingAnywhere, h.Where
	}
	return Allow, "egress.host_allowed", h.Where
}

// RuleAnythingAnywhere allows a tunnel to a host that strangers share: what is
// sent through it cannot be seen, and may go to anybody's account there.
const RuleAnythingAnywhere = "egress.anything_anywhere"

// AnythingAnywhere reports whether programs may send anything to anybody's
// account by this rule: it opens tunnels to a host that strangers share.
func (h *HostRule) AnythingAnywhere() bool {
	return SharedHost(h.Host) && h.Class != HostRead && len(h.Paths) == 0 && len(h.Methods) == 0
}

// hostRuleWords says what the rules of a listed host mean; ok is false for
// any other rule.
func hostRuleWords(rule RuleID, h *Host) (reason, hint string, ok bool) {
	switch rule {
	case "egress.host_allowed":
		return fmt.Sprintf("host %q is on the list", h.Name), "", true
	case RuleAnythingAnywhere:
		return fmt.Sprintf("host %q is on the list; through a tunnel anything may be sent to anybody's account there", h.Name), "", true
	case "egress.method":
		return fmt.Sprintf("host %q is not listed for %s with what it carries", h.Name, h.Method),
			"give the host class \"write\" in tools.egress.hosts if agents may change things there", true
	case "egress.method_unknown":
		return fmt.Sprintf("host %q is listed for some methods only, and the method cannot be seen through a tunnel", h.Name),
			"use web_fetch, bind a secret to the host, or list it without methods", true
	case "egress.url_too_long":
		return fmt.Sprintf("host %q is listed for reading, and a URL of %d bytes is longer than %d", h.Name, h.URLBytes, MaxReadURL), "", true
	case "egress.tunnel_unseen":
		return fmt.Sprintf("host %q is listed for reading, strangers have accounts there, and what is sent through a tunnel cannot be seen", h.Name),
			"use web_fetch, or bind a secret to the host; class \"write\" in tools.egress.hosts lets programs send anything to anybody's account there", true
	case "egress.path_needed":
		return fmt.Sprintf("strangers have accounts at host %q, and its rule names no path", h.Name), "name the path of your own account in the host's rule in tools.egress.hosts", true
	case "egress.path":
		return fmt.Sprintf("host %q is listed for other paths than %q", h.Name, h.Path), "add the path to the host's rule in tools.egress.hosts", true
	case "egress.path_unknown":
		return fmt.Sprintf("host %q is listed for some paths only, and the path cannot be seen through a tunnel", h.Name),
			"use web_fetch, bind a secret to the host, or list the host without paths", true
	}
	return "", "", false
}

// Binding is one place where a secret may be put into a request: the header of
// a request to one host, by one of the methods, below a path. The zero value
// covers nothing.
type Binding struct {
	Name   string `json:"name"`
	Host   string `json:"host"`
	Header string `json:"header"`
	// Methods; none means GET and HEAD.
	Methods []string `json:"methods,omitempty"`
	Path    string   `json:"path"`
	// Agents that get a placeholder; none means every agent that runs programs.
	Agents []claw.AgentID `json:"agents,omitempty"`
	Where  claw.ConfigRef `json:"where,omitzero"`
}

// For reports whether an agent gets a placeholder for the secret.
func (b *Binding) For(a claw.AgentID) bool { return len(b.Agents) == 0 || slices.Contains(b.Agents, a) }

// Variable is the environment variable that programs find the placeholder in.
func (b *Binding) Variable() string {
	name := strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(b.Name))
	for _, end := range [...]string{"_TOKEN", "_KEY", "_SECRET", "_PASSWORD", "_PAT"} {
		if strings.HasSuffix(name, end) {
			return name
		}
	}
	return name + "_TOKEN"
}

// Judge says whether the secret may be put into a request (R11, R30). A
// request that hands out further authority takes it only where the binding's
// own path names the place.
func (b *Binding) Judge(q Host) Step {
	s := Step{Layer: LayerEgress, Where: b.Where, Rule: "egress.binding_scope"}
	scope := HostRule{Paths: []string{b.Path}}
	switch {
	case b.Name == "" || b.Host == "" || b.Header == "" || !strings.HasPrefix(b.Path, "/") || q.Name != b.Host || q.Scheme != "https" || q.Port != 443 || q.Path == "":
		s.Reason = fmt.Sprintf("secret %q is not bound to %s", b.Name, q.Name)
	case !slices.Contains(b.Methods, q.Method) && (len(b.Methods) > 0 || !readOnlyMethod(q.Method)):
		s.Reason = fmt.Sprintf("secret %q is not bound to method %s", b.Name, q.Method)
	case !scope.covers(q.Path):
		s.Reason = fmt.Sprintf("secret %q is not bound to path %q", b.Name, q.Path)
	case !readOnlyMethod(q.Method) && HighPower(q.Path[len(b.Path):]) != "":
		s.Rule, s.Reason = "egress.high_power", fmt.Sprintf("%q in the path hands out further authority", HighPower(q.Path[len(b.Path):]))
		s.Hint = "name that path in a binding of its own if it is wanted"
	default:
		s.Verdict, s.Rule, s.Reason = Allow, "egress.bound", fmt.Sprintf("secret %q is bound to this request", b.Name)
	}
	if s.Verdict != Allow && s.Hint == "" {
		s.Hint = "secrets.bindings." + b.Name + " says where it may be used"
	}
	return s
}

// HighPower gives the part of a path by which APIs hand out further authority:
// tokens, keys, collaborators, hooks, forwarding. "" when there is none.
func HighPower(path string) string {
	for part := range strings.SplitSeq(strings.ToLower(path), "/") {
		if slices.Contains(highPower[:], strings.NewReplacer("-", "", "_", "").Replace(part)) {
			return part
		}
	}
	return ""
}

var highPower = [...]string{
	"keys", "token", "tokens", "accesstokens", "personalaccesstokens", "deploykeys", "deploytokens", "sshkeys", "gpgkeys", "apikeys", "apitokens", "authorizations", "applications",
	"credentials", "secrets", "variables", "serviceaccounts", "signblob", "signjwt", "generateaccesstoken", "collaborators", "members", "memberships", "invitations", "permissions",
	"acl", "iam", "share", "sharing", "transfer", "hooks", "webhooks", "webhook", "integrations", "installations", "forwardingaddresses", "autoforwarding", "filters", "delegates",
	"sendas", "runners", "dispatches", "graphql", "impersonationtokens", "oauth", "password", "mfa", "2fa",
}
