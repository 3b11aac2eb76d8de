package audit

import (
	"path"
	"slices"
	"strings"
	"time"
)

// Item is one line of the guide's complete checklist.
type Item struct {
	ID       string
	Category string
	Text     string
	// Checks are patterns of the checks that answer it.
	Checks []string
	// Person: nothing here can see all of it, so somebody confirms it. A
	// failing check still fails the item, unless Instead.
	Person bool
	// Instead: a confirmation stands in for the check, which sees only one way
	// of doing it.
	Instead bool
}

// Checklist is the guide's, category by category.
func Checklist() []Item {
	return []Item{
		{ID: "network.loopback", Category: "Network", Text: "The gateway listens on this machine only", Checks: []string{"gateway.bind_no_auth", "gateway.bind_beyond_loopback", "live.listens_beyond_loopback", "live.reachable"}},
		{ID: "network.firewall", Category: "Network", Text: "A firewall blocks the port from outside", Checks: []string{"network.firewall", "network.firewall_port_open"}, Instead: true},
		{ID: "network.remote", Category: "Network", Text: "Remote access goes through SSH, Tailscale or a VPN", Checks: []string{"gateway.bind_beyond_loopback", "gateway.remote_plain"}, Person: true},
		{ID: "network.no_funnel", Category: "Network", Text: "Tailscale Funnel is off", Checks: []string{"gateway.tailscale_funnel", "tailscale.funnel_active"}},
		{ID: "auth.token", Category: "Authentication", Text: "A gateway token of 32 characters or more is set", Checks: []string{"gateway.bind_no_auth", "gateway.loopback_no_auth", "gateway.token_too_short", "gateway.token_placeholder_value", "gateway.token_low_entropy", "gateway.auth_unresolved"}},
		{ID: "auth.token_reference", Category: "Authentication", Text: "The token is referred to, not written into the configuration", Checks: []string{"config.secrets.gateway_token_in_config", "config.secrets.gateway_password_in_config"}},
		{ID: "auth.pairing", Category: "Authentication", Text: "Strangers must pair before they can write", Checks: []string{"channels.*.dm.open", "channels.*.allowFrom.wildcard", "channels.*.groups.open"}},
		{ID: "credentials.references", Category: "Credentials", Text: "API keys are referred to, not written into files", Checks: []string{"config.secrets.channel_token_in_config", "config.secrets.model_key_in_config", "config.secrets.other_in_config", "mcp.server_env_secret", "secrets.in_file"}},
		{ID: "credentials.state_dir", Category: "Credentials", Text: "The state directory is yours alone (700)", Checks: []string{"fs.state_dir.perms_*"}},
		{ID: "credentials.config_file", Category: "Credentials", Text: "The configuration is yours alone (600)", Checks: []string{"fs.config.perms_*", "fs.config_include.perms_*"}},
		{ID: "credentials.dir", Category: "Credentials", Text: "The credentials directory is yours alone (700)", Checks: []string{"fs.credentials_dir.perms_*", "fs.credential_file.perms_*"}},
		{ID: "credentials.spending", Category: "Credentials", Text: "Spending is limited, here or at the provider", Checks: []string{"tools.budget_missing"}, Instead: true},
		{ID: "tools.profile", Category: "Tools", Text: "The tool profile fits what the agent is for", Checks: []string{"tools.profile_full"}, Person: true},
		{ID: "tools.exec", Category: "Tools", Text: "Commands are denied or on an allowlist", Checks: []string{"tools.exec.security_full", "tools.exec.allowlist_catch_all", "tools.exec.allowlist_shell"}},
		{ID: "tools.elevated", Category: "Tools", Text: "Elevated commands are off", Checks: []string{"tools.elevated.enabled"}},
		{ID: "tools.workspace", Category: "Tools", Text: "Files stay in the workspace", Checks: []string{"tools.fs.workspace_only_off"}},
		{ID: "skills.trusted", Category: "Skills", Text: "Only skills that you trust are installed", Checks: []string{"skills.policy_open", "skills.allowlist_wildcard"}, Person: true},
		{ID: "skills.pinned", Category: "Skills", Text: "Skills are pinned to a version", Checks: []string{"skills.unpinned"}},
		{ID: "skills.reviewed", Category: "Skills", Text: "The source of each skill was read before it was installed", Person: true},
		{ID: "monitoring.logging", Category: "Monitoring", Text: "A log is written and rotated", Checks: []string{"logging.file_off", "logging.rotation"}},
		{ID: "monitoring.redaction", Category: "Monitoring", Text: "Credentials are masked in the log", Checks: []string{"logging.redact_off"}},
		{ID: "monitoring.record", Category: "Monitoring", Text: "Decisions and effects are recorded", Checks: []string{"logging.audit_off", "logging.audit_events"}},
		{ID: "monitoring.nightly", Category: "Monitoring", Text: "An audit runs every night", Checks: []string{"security.nightly_off"}, Instead: true},
		{ID: "maintenance.updates", Category: "Maintenance", Text: "There is a day for updates", Person: true},
		{ID: "maintenance.backup", Category: "Maintenance", Text: "Configuration and credentials are backed up", Checks: []string{"backup.none"}, Instead: true},
		{ID: "maintenance.incident", Category: "Maintenance", Text: "There is a written plan for an incident", Person: true},
	}
}

// Confirmation is a person's word on an item.
type Confirmation struct {
	By    string    `json:"by"`
	At    time.Time `json:"at"`
	Until time.Time `json:"until"`
	Note  string    `json:"note,omitempty"`
}

// ItemState is how an item stands.
type ItemState string

// States of items. Nothing that was not measured or confirmed is done.
const (
	Verified  ItemState = "verified"
	Failed    ItemState = "failed"
	ToConfirm ItemState = "confirm"
	Confirmed ItemState = "confirmed"
	Expired   ItemState = "expired"
	NotSeen   ItemState = "unmeasured"
)

// Ticked is one item with its state.
type Ticked struct {
	ID           string        `json:"id"`
	Category     string        `json:"category"`
	Text         string        `json:"text"`
	State        ItemState     `json:"state"`
	Why          string        `json:"why,omitempty"`
	Checks       []string      `json:"checks,omitempty"`
	Confirmation *Confirmation `json:"confirmation,omitempty"`
}

// Tick judges the checklist by a report and what people confirmed.
func Tick(r Report, said map[string]Confirmation, now time.Time) []Ticked {
	out := []Ticked{}
	for _, i := range Checklist() {
		t := Ticked{ID: i.ID, Category: i.Category, Text: i.Text, Checks: i.Checks}
		t.State, t.Why = i.measured(r)
		c, ok := said[i.ID]
		if ok {
			t.Confirmation = &c
		}
		asks := t.State != Failed && i.Person || i.Instead && t.State != Verified
		switch {
		case !asks:
		case !ok:
			t.State = ToConfirm
		case now.After(c.Until):
			t.State, t.Why = Expired, "confirmed until "+c.Until.Format(time.DateOnly)
		default:
			t.State, t.Why = Confirmed, "by "+c.By+" until "+c.Until.Format(time.DateOnly)
		}
		out = append(out, t)
	}
	return out
}

// measured is what the checks say of an item.
func (i Item) measured(r Report) (ItemState, string) {
	var failed, unseen, moot []string
	n := 0
	for _, c := range r.Checks {
		if !slices.ContainsFunc(i.Checks, func(p string) bool {
			ok, err := path.Match(p, c.ID)
			return p == c.ID || err == nil && ok
		}) {
			continue
		}
		n++
		switch c.Verdict {
		case Fail:
			failed = append(failed, c.ID)
		case Unmeasured:
			unseen = append(unseen, c.ID+": "+c.Reason)
		case NotApplicable:
			moot = append(moot, c.Reason)
		case Pass:
		}
	}
	switch {
	case len(failed) > 0:
		return Failed, strings.Join(failed, ", ")
	case i.Instead && n > 0 && len(moot) == n:
		return NotSeen, moot[0] // nothing was seen, so somebody has to say it
	case len(unseen) > 0:
		return NotSeen, strings.Join(unseen, ", ")
	case n == 0:
		return NotSeen, "no check answers it"
	}
	return Verified, ""
}
