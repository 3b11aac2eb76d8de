package policy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/cmdline"
)

// ExecCase is one row of an exec corpus: a policy, a place, a command line
// and, when it is a test, the verdict expected.
type ExecCase struct {
	ID         string `json:"id"`
	PolicyName string `json:"policyName"`
	Policy     struct {
		Security  string   `json:"security"`
		Ask       string   `json:"ask"`
		Allowlist []string `json:"allowlist"`
		Denylist  []string `json:"denylist"`
		FS        struct {
			WorkspaceOnly bool     `json:"workspaceOnly"`
			DenyPaths     []string `json:"denyPaths"`
		} `json:"fs"`
		InlineEval string `json:"inlineEval"`
	} `json:"policy"`
	Context struct {
		Home      string `json:"home"`
		Cwd       string `json:"cwd"`
		Workspace string `json:"workspace"`
		User      string `json:"user"`
	} `json:"context"`
	Command string `json:"command"`
	Fixture struct {
		Symlinks map[string]string `json:"symlinks"`
		Files    []string          `json:"files"`
	} `json:"fixture"`
	Expect *Verdict  `json:"expect"`
	Accept []Verdict `json:"accept"`
	Tag    string    `json:"tag"`
}

// ExecResult is the verdict about one row.
type ExecResult struct {
	ID      string  `json:"id"`
	Verdict Verdict `json:"verdict"`
	Rule    RuleID  `json:"rule"`
	Reason  string  `json:"reason"`
}

// ExecReport sums up a corpus. Rows without an expectation count only as
// cases. A bypass is an allow that no row accepts; a false refusal is a row
// that accepts nothing but allow, refused.
type ExecReport struct {
	Cases         int          `json:"cases"`
	Bypasses      int          `json:"bypasses"`
	FalseRefusals int          `json:"falseRefusals"`
	Agreement     float64      `json:"agreement"`
	Results       []ExecResult `json:"results"`
}

// ReadExecCases reads a JSON-lines corpus; blank lines are skipped.
func ReadExecCases(data []byte) ([]ExecCase, error) {
	var out []ExecCase
	sc := bufio.NewScanner(bytes.NewReader(data))
	sc.Buffer(nil, len(data)+1)
	for n := 1; sc.Scan(); n++ {
		line := bytes.TrimSpace(sc.Bytes())
		if len(line) == 0 {
			continue
		}
		var c ExecCase
		if err := json.Unmarshal(line, &c); err != nil {
			return nil, fmt.Errorf("policy: case on line %d: %w", n, err)
		}
		out = append(out, c)
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("policy: reading cases: %w", err)
	}
	return out, nil
}

// Rules turns the row's policy into rules; a value that is not known gives
// the strictest one.
func (c ExecCase) Rules() (ExecRules, FileRules) {
	at := func(key string) claw.ConfigRef { return claw.ConfigRef{Pointer: key} }
	entries := func(key string, texts []string) []ExecEntry {
		out := make([]ExecEntry, 0, len(texts))
		for i, t := range texts {
			out = append(out, ExecEntry{Text: t, Where: at(fmt.Sprintf("%s.%d", key, i))})
		}
		return out
	}
	r := ExecRules{SecurityRef: at("policy.security"), AskRef: at("policy.ask"),
		Allowlist: entries("policy.allowlist", c.Policy.Allowlist), Denylist: entries("policy.denylist", c.Policy.Denylist)}
	switch c.Policy.Security {
	case "allowlist":
		r.Security = ExecAllowlist
	case "full":
		r.Security = ExecFull
	}
	switch c.Policy.Ask {
	case "on-miss":
		r.Ask = AskOnMiss
	case "off":
		r.Ask = AskOff
	}
	f := FileRules{Workspace: path.Clean(c.Context.Workspace), Home: c.Context.Home, WorkspaceOnly: c.Policy.FS.WorkspaceOnly, WorkspaceRef: at("policy.fs.workspaceOnly")}
	if c.Context.Workspace == "" {
		f.Workspace = ""
	}
	for i, p := range c.Policy.FS.DenyPaths {
		f.Deny = append(f.Deny, PathPattern{Pattern: p, Where: at(fmt.Sprintf("policy.fs.denyPaths.%d", i))})
	}
	return r, f
}

// Env is what the row's command line would see: only the fixture's links and
// files exist.
func (c ExecCase) Env() cmdline.Env {
	e := cmdline.Env{Home: c.Context.Home, Cwd: c.Context.Cwd, Workspace: c.Context.Workspace, User: c.Context.User}
	if len(c.Fixture.Symlinks) == 0 {
		return e
	}
	links := map[string]string{}
	names := map[string][]string{}
	note := func(rel string) string {
		abs := rel
		if !strings.HasPrefix(rel, "/") {
			abs = path.Join(c.Context.Workspace, rel)
		}
		abs = path.Clean(abs)
		for p := abs; p != "/" && p != "."; p = path.Dir(p) {
			if d := path.Dir(p); !slices.Contains(names[d], path.Base(p)) {
				names[d] = append(names[d], path.Base(p))
			}
		}
		return abs
	}
	for rel, target := range c.Fixture.Symlinks {
		links[note(rel)] = target
	}
	for _, f := range c.Fixture.Files {
		note(f)
	}
	for d := range names {
		slices.Sort(names[d])
	}
	e.Readlink = func(abs string) (string, bool) { t, ok := links[abs]; return t, ok }
	e.List = func(dir string) ([]string, bool) { return names[dir], true }
	return e
}

// Judge decides the row.
func (c ExecCase) Judge() Decision {
	r, f := c.Rules()
	facts := cmdline.Analyze(c.Command, c.Env())
	return JudgeCommand(r, f, &facts, LevelNone)
}

// JudgeExecCases judges every row.
func JudgeExecCases(cases []ExecCase) ExecReport {
	rep := ExecReport{Cases: len(cases), Results: make([]ExecResult, 0, len(cases))}
	expected, agreed := 0, 0
	for _, c := range cases {
		d := c.Judge()
		rep.Results = append(rep.Results, ExecResult{ID: c.ID, Verdict: d.Verdict, Rule: d.Rule, Reason: d.Reason})
		accept := c.Accept
		if len(accept) == 0 && c.Expect != nil {
			accept = []Verdict{*c.Expect}
		}
		if len(accept) == 0 {
			continue
		}
		switch {
		case d.Verdict == Allow && !slices.Contains(accept, Allow):
			rep.Bypasses++
		case d.Verdict != Allow && len(accept) == 1 && accept[0] == Allow:
			rep.FalseRefusals++
		}
		if c.Expect != nil {
			expected++
			if *c.Expect == d.Verdict {
				agreed++
			}
		}
	}
	if expected > 0 {
		rep.Agreement = float64(agreed) / float64(expected)
	}
	return rep
}
