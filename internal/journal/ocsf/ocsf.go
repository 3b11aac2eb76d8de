// Package ocsf writes journal entries as events of the Open Cybersecurity
// Schema Framework (https://schema.ocsf.io, version 1.3.0). It refuses to leave
// anything out: what has no field there stands under unmapped.
package ocsf

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/openclaw-go/openclaw/internal/chain"
	"github.com/openclaw-go/openclaw/internal/claw"
)

// Version of the schema.
const Version = "1.3.0"

// class is a class of the schema and the activity that an entry is in it.
type class struct {
	uid      int
	name     string
	category int
	activity int
}

// categories by their number.
var categories = [...]string{"Uncategorized", "System Activity", "Findings", "Identity & Access Management", "Network Activity", "Discovery", "Application Activity"}

const otherActivity = 99

func classOf(e *chain.Entry) class {
	switch string(e.Event) {
	case "auth.failure", "auth.success":
		return class{3002, "Authentication", 3, 1}
	case "exec.command":
		if e.Phase == chain.Outcome {
			return class{1007, "Process Activity", 1, 2}
		}
		return class{1007, "Process Activity", 1, 1}
	case "egress.request":
		return class{4001, "Network Activity", 4, 1}
	case "config.change", "posture.seal":
		return class{5019, "Device Config State Change", 5, 1}
	case "pairing", "session.new", "skill.install":
		return class{3004, "Entity Management", 3, 1}
	case "label.change":
		return class{3004, "Entity Management", 3, 3}
	case "gateway.start", "journal.open":
		return class{6002, "Application Lifecycle", 6, 3}
	case "gateway.stop", "journal.close":
		return class{6002, "Application Lifecycle", 6, 4}
	case "decision", "consent", "approval", "tool.invoke", "secret.use", "model.call", "channel.message":
		return class{6003, "API Activity", 6, otherActivity}
	}
	return class{0, "Base Event", 0, otherActivity}
}

// details are the parts of an entry's data that have a place in the schema.
type details struct {
	Tool    string          `json:"tool"`
	Verdict string          `json:"verdict"`
	Rule    string          `json:"rule"`
	Reason  string          `json:"reason"`
	Status  string          `json:"status"`
	Source  string          `json:"source"`
	Command [][]string      `json:"command"`
	Host    json.RawMessage `json:"host"`
}

type product struct {
	Name   string `json:"name"`
	Vendor string `json:"vendor_name"`
}

type metadata struct {
	Version  string   `json:"version"`
	Product  product  `json:"product"`
	Profiles []string `json:"profiles,omitempty"`
	UID      string   `json:"uid"` // the entry's hash
	Sequence uint64   `json:"sequence"`
	LogName  string   `json:"log_name"`
	Time     string   `json:"original_time"`
	Run      string   `json:"correlation_uid,omitempty"`
}

type user struct {
	UID    string `json:"uid,omitempty"`
	Name   string `json:"name,omitempty"`
	TypeID int    `json:"type_id"`
	Type   string `json:"type"`
}

type session struct {
	UID string `json:"uid"`
}

type actor struct {
	User    *user    `json:"user,omitempty"`
	Session *session `json:"session,omitempty"`
	App     string   `json:"app_name,omitempty"`
}

type process struct {
	CommandLine string `json:"cmd_line,omitempty"`
	Name        string `json:"name,omitempty"`
}

type endpoint struct {
	Name string `json:"name,omitempty"`
}

type operation struct {
	Name string `json:"operation"`
}

type firewallRule struct {
	Name string `json:"name"`
}

type event struct {
	ActivityID   int             `json:"activity_id"`
	CategoryUID  int             `json:"category_uid"`
	CategoryName string          `json:"category_name"`
	ClassUID     int             `json:"class_uid"`
	ClassName    string          `json:"class_name"`
	TypeUID      int             `json:"type_uid"`
	Time         int64           `json:"time"`
	SeverityID   int             `json:"severity_id"`
	Severity     string          `json:"severity"`
	StatusID     int             `json:"status_id"`
	Status       string          `json:"status"`
	Message      string          `json:"message"`
	Metadata     metadata        `json:"metadata"`
	Actor        *actor          `json:"actor,omitempty"`
	User         *user           `json:"user,omitempty"`
	API          *operation      `json:"api,omitempty"`
	Process      *process        `json:"process,omitempty"`
	Source       *endpoint       `json:"src_endpoint,omitempty"`
	Destination  *endpoint       `json:"dst_endpoint,omitempty"`
	ActionID     int             `json:"action_id,omitempty"`
	Action       string          `json:"action,omitempty"`
	Disposition  int             `json:"disposition_id,omitempty"`
	FirewallRule *firewallRule   `json:"firewall_rule,omitempty"`
	Unmapped     json.RawMessage `json:"unmapped"`
}

// Event is the entry as one JSON object. Its strings are as they stand in the
// journal: without control characters.
func Event(e *chain.Entry) ([]byte, error) {
	var d details
	// Data of another shape has nothing to map; it stands under unmapped.
	_ = json.Unmarshal(e.Data, &d)
	c := classOf(e)
	out := event{ActivityID: c.activity, CategoryUID: c.category, CategoryName: categories[c.category], ClassUID: c.uid, ClassName: c.name,
		TypeUID: c.uid*100 + c.activity, Time: e.Time.UnixMilli(), Message: strings.TrimSpace(string(e.Event) + " " + d.Tool + " " + d.Reason),
		Metadata: metadata{Version: Version, Product: product{"openclaw", "openclaw"}, UID: e.Hash.String(), Sequence: e.Seq, LogName: "audit.log",
			Time: e.Time.Format("2006-01-02T15:04:05.000000000Z07:00"), Run: string(e.Run)}}
	out.judge(e, d)
	out.people(e)
	switch c.uid {
	case 1007:
		out.Process = processOf(d.Command)
	case 4001:
		out.Destination = hostOf(d.Host)
	case 6003:
		out.API = &operation{Name: strings.TrimSpace(string(e.Event) + " " + d.Tool)}
	}
	if d.Source != "" {
		out.Source = &endpoint{Name: d.Source}
	}
	// The entry without what stands above: everything that is in the line.
	line, _, err := chain.Encode(nil, e)
	if err != nil {
		return nil, fmt.Errorf("ocsf: entry %d: %w", e.Seq, err)
	}
	out.Unmapped = line
	raw, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("ocsf: entry %d: %w", e.Seq, err)
	}
	return chain.Rewrite(make([]byte, 0, len(raw)), raw, nil)
}

// judge fills in how it went and how grave it is.
func (out *event) judge(e *chain.Entry, d details) {
	out.StatusID, out.Status = 1, "Success"
	out.SeverityID, out.Severity = 1, "Informational"
	switch {
	case e.Event == "auth.failure":
		out.StatusID, out.Status, out.SeverityID, out.Severity = 2, "Failure", 3, "Medium"
	case e.Event == "lockdown":
		out.SeverityID, out.Severity = 5, "Critical"
	case d.Verdict == "deny" || d.Verdict == "ask":
		out.StatusID, out.Status, out.SeverityID, out.Severity = 2, "Failure", 2, "Low"
	case d.Status == "unknown":
		out.StatusID, out.Status, out.SeverityID, out.Severity = 0, "Unknown", 3, "Medium"
	case e.Phase == chain.Outcome && d.Status != "" && d.Status != "done":
		out.StatusID, out.Status = 2, "Failure"
	}
	if d.Verdict == "" {
		return
	}
	out.Metadata.Profiles = []string{"security_control"}
	out.ActionID, out.Action, out.Disposition = 2, "Denied", 2 // Blocked
	switch d.Verdict {
	case "allow":
		out.ActionID, out.Action, out.Disposition = 1, "Allowed", 1
	case "ask":
		out.ActionID, out.Action, out.Disposition = 99, "Asked", 99
	}
	if d.Rule != "" {
		out.FirewallRule = &firewallRule{Name: d.Rule}
	}
}

func (out *event) people(e *chain.Entry) {
	var who *user
	if e.Principal != (claw.Principal{}) {
		who = &user{UID: e.Principal.String(), Name: e.Principal.Name, TypeID: 1, Type: "User"}
		if e.Principal.Standing == claw.Owner {
			who.TypeID, who.Type = 2, "Admin"
		}
	}
	out.Actor = &actor{User: who, App: string(e.Agent)}
	if e.Session != "" {
		out.Actor.Session = &session{UID: string(e.Session)}
	}
	if out.ClassUID == 3002 {
		if out.User = who; who == nil {
			out.User = &user{Type: "Unknown"}
		}
	}
}

func processOf(commands [][]string) *process {
	p := &process{}
	var words []string
	for i, c := range commands {
		if i == 0 && len(c) > 0 {
			p.Name = c[0]
		}
		words = append(words, strings.Join(c, " "))
	}
	p.CommandLine = strings.Join(words, " ; ")
	return p
}

func hostOf(raw json.RawMessage) *endpoint {
	var h struct {
		Name string `json:"name"`
	}
	if json.Unmarshal(raw, &h) != nil {
		_ = json.Unmarshal(raw, &h.Name)
	}
	return &endpoint{Name: h.Name}
}
