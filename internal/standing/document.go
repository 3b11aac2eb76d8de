package standing

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/cmdline"
)

// Source marks entries that stand for an answer of this gateway.
const Source = "allow-always"

// Document is exec-approvals.json. Fields that are not known stay as they
// are, in every object.
type Document struct {
	top    map[string]json.RawMessage
	agents map[claw.AgentID]map[string]json.RawMessage
}

// Limits are what a block of the document says of an agent, in its own words;
// "" says nothing.
type Limits struct {
	Security, Ask, AskFallback string
}

// Unused is something of a document that is not used, and why.
type Unused struct {
	Agent  claw.AgentID `json:"agent,omitempty"`
	ID     string       `json:"id,omitempty"`
	What   string       `json:"what"`
	Reason string       `json:"reason"`
}

// New is an empty document.
func New() *Document {
	return &Document{top: map[string]json.RawMessage{"version": json.RawMessage("1")}, agents: map[claw.AgentID]map[string]json.RawMessage{}}
}

// Parse reads a document. What is no JSON, or of another version, is an
// error: nobody can say then what it forbids.
func Parse(b []byte) (*Document, error) {
	d := New()
	dec := json.NewDecoder(bytes.NewReader(b))
	if err := dec.Decode(&d.top); err != nil {
		return nil, fmt.Errorf("exec-approvals.json: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("exec-approvals.json: text after the document")
	}
	if d.top == nil {
		return nil, errors.New("exec-approvals.json: found null, expected an object")
	}
	if v := string(bytes.TrimSpace(d.top["version"])); v != "" && v != "1" {
		return nil, fmt.Errorf("exec-approvals.json: version is %s, expected 1", v)
	}
	if raw, ok := d.top["agents"]; ok {
		var agents map[claw.AgentID]map[string]json.RawMessage
		if err := json.Unmarshal(raw, &agents); err != nil {
			return nil, fmt.Errorf("exec-approvals.json: agents: %w", err)
		}
		maps.Copy(d.agents, agents)
	}
	if old, ok := d.agents["default"]; ok { // an older name of the first agent
		if _, taken := d.agents["main"]; !taken {
			d.agents["main"] = old
			delete(d.agents, "default")
		}
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	return d, nil
}

// check reads every block once, so that later reading cannot fail.
func (d *Document) check() error {
	blocks := map[string]map[string]json.RawMessage{}
	if raw, ok := d.top["defaults"]; ok {
		var m map[string]json.RawMessage
		if err := json.Unmarshal(raw, &m); err != nil {
			return fmt.Errorf("exec-approvals.json: defaults: %w", err)
		}
		blocks["defaults"] = m
	}
	for id, a := range d.agents {
		blocks["agents."+string(id)] = a
	}
	for _, name := range slices.Sorted(maps.Keys(blocks)) {
		for key, words := range map[string]string{"security": " deny allowlist full ", "ask": " off on-miss always ", "askFallback": " deny allowlist full "} {
			raw, ok := blocks[name][key]
			if !ok {
				continue
			}
			var s string
			if err := json.Unmarshal(raw, &s); err != nil || s == "" || !strings.Contains(words, " "+s+" ") {
				return fmt.Errorf("exec-approvals.json: %s.%s is %s, expected one of%s", name, key, cmdline.Visible(string(raw)), strings.TrimRight(words, " "))
			}
		}
		if raw, ok := blocks[name]["allowlist"]; ok {
			var list []map[string]json.RawMessage
			if err := json.Unmarshal(raw, &list); err != nil {
				return fmt.Errorf("exec-approvals.json: %s.allowlist: %w", name, err)
			}
		}
	}
	return nil
}

// Bytes is the document as it is written.
func (d *Document) Bytes() ([]byte, error) {
	raw, err := json.Marshal(d.agents)
	if err != nil {
		return nil, err
	}
	d.top["agents"] = raw
	b, err := json.MarshalIndent(d.top, "", "  ")
	return append(b, '\n'), err
}

func text(m map[string]json.RawMessage, key string) string {
	var s string
	if json.Unmarshal(m[key], &s) != nil {
		return ""
	}
	return s
}

// Limits of an agent: a block for it wins over the one for all, field by
// field, and both over the defaults.
func (d *Document) Limits(agent claw.AgentID) Limits {
	var defaults map[string]json.RawMessage
	_ = json.Unmarshal(d.top["defaults"], &defaults) // check has read it
	pick := func(key string) string {
		for _, m := range []map[string]json.RawMessage{d.agents[agent], d.agents[Everyone], defaults} {
			if s := text(m, key); s != "" {
				return s
			}
		}
		return ""
	}
	return Limits{Security: pick("security"), Ask: pick("ask"), AskFallback: pick("askFallback")}
}

func (d *Document) list(agent claw.AgentID) []map[string]json.RawMessage {
	var out []map[string]json.RawMessage
	_ = json.Unmarshal(d.agents[agent]["allowlist"], &out) // check has read it
	return out
}

func (d *Document) setList(agent claw.AgentID, list []map[string]json.RawMessage) error {
	raw, err := json.Marshal(list)
	if err != nil {
		return err
	}
	if d.agents[agent] == nil {
		d.agents[agent] = map[string]json.RawMessage{}
	}
	d.agents[agent]["allowlist"] = raw
	return nil
}

// ArgvPattern is how an entry names exact arguments.
func ArgvPattern(args []string) string {
	b, err := json.Marshal(args)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(b)
	return "sha256:argv:" + hex.EncodeToString(sum[:])
}

// entryOf is what stands in the document for a rule.
func entryOf(r *Rule) map[string]string {
	m := map[string]string{"id": r.ID}
	if r.Entry != nil {
		if m["pattern"] = r.Entry.Pattern; r.Entry.Args != "" {
			m["argPattern"] = r.Entry.Args
		}
		return m
	}
	m["pattern"], m["argPattern"], m["source"] = r.Exact.Program.Path, ArgvPattern(r.Exact.Argv[1:]), Source
	return m
}

// Add puts a rule into the document.
func (d *Document) Add(r Rule) error {
	if r.ID == "" || r.Agent == "" || (r.Exact == nil) == (r.Entry == nil) || r.Exact != nil && len(r.Exact.Argv) == 0 {
		return errors.New("standing: a rule needs an id, an agent and one command")
	}
	entry := map[string]json.RawMessage{}
	for k, v := range entryOf(&r) {
		raw, err := json.Marshal(v)
		if err != nil {
			return err
		}
		entry[k] = raw
	}
	return d.setList(r.Agent, append(d.list(r.Agent), entry))
}

// Remove takes the entries with an id, or of a pattern for one agent, out. It
// returns how many there were.
func (d *Document) Remove(match func(agent claw.AgentID, id, pattern string) bool) (n int, err error) {
	for _, agent := range slices.Sorted(maps.Keys(d.agents)) {
		list := d.list(agent)
		kept := slices.DeleteFunc(slices.Clone(list), func(e map[string]json.RawMessage) bool {
			return match(agent, text(e, "id"), text(e, "pattern"))
		})
		if len(kept) == len(list) {
			continue
		}
		n += len(list) - len(kept)
		if err := d.setList(agent, kept); err != nil {
			return n, err
		}
	}
	return n, nil
}

// Rules are the entries that are used, with what is not. own are the answers
// that this gateway has the whole of, by id: an entry that says it is one and
// is not, or not any more the same, is not used.
func (d *Document) Rules(home string, own map[string]Rule) (rules []Rule, unused []Unused) {
	drop := func(agent claw.AgentID, id, what, why string) {
		unused = append(unused, Unused{Agent: agent, ID: id, What: cmdline.Visible(what), Reason: why})
	}
	for _, agent := range append([]claw.AgentID{""}, slices.Sorted(maps.Keys(d.agents))...) {
		block := d.agents[agent]
		if agent == "" {
			_ = json.Unmarshal(d.top["defaults"], &block) // check has read it
		}
		if string(block["autoAllowSkills"]) == "true" {
			drop(agent, "", "autoAllowSkills", "what a skill brings along is never allowed by that alone")
		}
		if f := text(block, "askFallback"); f != "" && f != "deny" {
			drop(agent, "", "askFallback "+f, "with nobody to ask, a call is refused")
		}
		if agent == "" {
			continue
		}
		for _, raw := range d.list(agent) {
			id, pattern := text(raw, "id"), text(raw, "pattern")
			r, mine := own[id]
			mine = mine && id != "" && r.Agent == agent && (r.Exact == nil) != (r.Entry == nil)
			for k, v := range map[string]string{"id": id, "pattern": pattern, "argPattern": text(raw, "argPattern"), "source": text(raw, "source")} {
				mine = mine && (r.Entry != nil && k == "source" || entryOf(&r)[k] == v)
			}
			if mine && r.Exact != nil {
				r.Last = lastOf(raw)
				rules = append(rules, r)
				continue
			}
			e, why := EntryOf(home, pattern, text(raw, "argPattern"))
			if why != "" {
				drop(agent, id, pattern, why)
				continue
			}
			rule := Rule{ID: id, Agent: agent, Entry: &e, Last: lastOf(raw)}
			if mine {
				rule.By, rule.At = r.By, r.At
			}
			rules = append(rules, rule)
		}
	}
	return rules, unused
}

// EntryOf reads an entry of a home's own. Why says what is unsafe about it or
// not understood.
func EntryOf(home, pattern, args string) (e Entry, why string) {
	if rest, ok := strings.CutPrefix(pattern, "~/"); ok {
		pattern = path.Join(home, rest)
	}
	switch {
	case pattern == "":
		return e, "it names no program"
	case cmdline.Visible(pattern) != pattern:
		return e, "it holds characters that do not show"
	case strings.ContainsAny(pattern, "*?["):
		return e, "it covers programs that nobody has looked at"
	case strings.ContainsAny(pattern, " \t"):
		return e, "it is neither a path nor a name; command words belong into tools.exec.allowlist"
	case strings.Contains(pattern, "/") && (path.Clean(pattern) != pattern || !system(pattern)):
		return e, "its directory may be written by others than the system; allow such a program by its content, from a card"
	}
	switch cmdline.KindOf(pattern) {
	case cmdline.Shell:
		return e, "it is a shell: it runs whatever its words say"
	case cmdline.Interpreter:
		return e, "it is an interpreter: it runs whatever its words say; allow a script by its content, from a card"
	case cmdline.Carrier:
		return e, "it runs other programs"
	case cmdline.Plain:
	}
	if args == "" {
		return Entry{Pattern: pattern}, ""
	}
	if strings.HasPrefix(args, "sha256:") {
		return e, "its arguments are a hash that this gateway did not make"
	}
	if !strings.HasPrefix(args, "^") || !strings.HasSuffix(args, "$") || strings.HasSuffix(args, `\$`) || strings.Contains(args, "|") {
		return e, "its argPattern does not hold from the first argument to the last"
	}
	if _, err := regexp.Compile(args); err != nil {
		return e, "its argPattern is not understood"
	}
	return Entry{Pattern: pattern, Args: args}, ""
}

// Expired reports whether a rule has ended.
func (r *Rule) Expired(now time.Time) bool { return !r.Until.IsZero() && !now.Before(r.Until) }

// KeepToken takes the token of the socket over from old when the document has
// a socket and no token: what people are shown holds none.
func (d *Document) KeepToken(old *Document) {
	var mine, theirs map[string]json.RawMessage
	if json.Unmarshal(d.top["socket"], &mine) != nil || json.Unmarshal(old.top["socket"], &theirs) != nil || mine == nil || mine["token"] != nil || theirs["token"] == nil {
		return
	}
	mine["token"] = theirs["token"]
	if raw, err := json.Marshal(mine); err == nil {
		d.top["socket"] = raw
	}
}
