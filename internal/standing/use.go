package standing

import (
	"encoding/json"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/cmdline"
)

// Last is when a rule last let a command run, and which.
type Last struct {
	At            time.Time
	Command, Path string
}

// Use is one time that a rule let a command run.
type Use struct {
	// Agent, ID, Pattern and Args name the entry of the rule.
	Agent             claw.AgentID
	ID, Pattern, Args string
	Last
}

// maxUsedCommand bounds the command that an entry keeps, in bytes.
const maxUsedCommand = 500

// UseOf is a use of a rule. What the command shows must hold no secret.
func UseOf(r *Rule, command, path string, at time.Time) Use {
	m := entryOf(r)
	if command = cmdline.Visible(command); len(command) > maxUsedCommand {
		cut := maxUsedCommand
		for cut > 0 && command[cut]&0xC0 == 0x80 {
			cut--
		}
		command = command[:cut] + "…"
	}
	return Use{Agent: r.Agent, ID: m["id"], Pattern: m["pattern"], Args: m["argPattern"], Last: Last{At: at, Command: command, Path: path}}
}

// Key names the entry among all.
func (u *Use) Key() string {
	if u.ID != "" {
		return u.ID
	}
	b, err := json.Marshal([]string{string(u.Agent), u.Pattern, u.Args})
	if err != nil {
		return ""
	}
	return string(b)
}

// Key names the rule's entry among all, as that of its uses does.
func (r *Rule) Key() string {
	u := UseOf(r, "", "", time.Time{})
	return u.Key()
}

// usageFields are what a use writes into an entry.
var usageFields = [...]string{"lastUsedAt", "lastUsedCommand", "lastResolvedPath"}

// Used writes uses into their entries, in upstream's fields. An entry that is
// gone has none; an older use does not replace a newer one. It reports how many
// were written.
func (d *Document) Used(uses []Use) (n int, err error) {
	for i := range uses {
		u := &uses[i]
		list := d.list(u.Agent)
		at := -1
		for j, e := range list {
			same := text(e, "id") == u.ID && (u.ID != "" || text(e, "pattern") == u.Pattern && text(e, "argPattern") == u.Args)
			if same && u.At.UnixMilli() >= lastOf(e).At.UnixMilli() {
				at = j
			}
		}
		if at < 0 {
			continue
		}
		for k, v := range map[string]any{"lastUsedAt": u.At.UnixMilli(), "lastUsedCommand": u.Command, "lastResolvedPath": u.Path} {
			raw, err := json.Marshal(v)
			if err != nil {
				return n, err
			}
			list[at][k] = raw
		}
		if err := d.setList(u.Agent, list); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// lastOf reads the last use of an entry.
func lastOf(e map[string]json.RawMessage) Last {
	var ms int64
	l := Last{Command: cmdline.Visible(text(e, "lastUsedCommand")), Path: cmdline.Visible(text(e, "lastResolvedPath"))}
	if json.Unmarshal(e["lastUsedAt"], &ms) == nil && ms > 0 {
		l.At = time.UnixMilli(ms)
	}
	return l
}

// Meaning is the document without what uses write into it: what it allows and
// forbids is the same as long as this is.
func (d *Document) Meaning() ([]byte, error) {
	b, err := d.Bytes()
	if err != nil {
		return nil, err
	}
	bare, err := Parse(b)
	if err != nil {
		return nil, err
	}
	for agent := range bare.agents {
		list := bare.list(agent)
		if len(list) == 0 {
			continue
		}
		for _, e := range list {
			for _, f := range usageFields {
				delete(e, f)
			}
		}
		if err := bare.setList(agent, list); err != nil {
			return nil, err
		}
	}
	return bare.Bytes()
}
