package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/answer"
	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/store"
)

func (e *env) cmdPolicy() *cobra.Command {
	c := &cobra.Command{Use: "policy", Short: "Ask what would be decided, and why",
		Long: `Ask what would be decided, and why.

Every answer comes from the function that decides about real calls. Questions
about a configuration read the file on disk, or the one that --config names;
nothing is run and nothing is changed.`}
	c.AddCommand(e.cmdPolicyShow(), e.cmdPolicyExplain(), e.cmdPolicyMatrix(), e.cmdPolicyCan(), e.cmdPolicyDiff(), e.cmdPolicySimulate(),
		e.cmdPolicyWhy(), e.cmdPolicyClear(), e.cmdPolicyTrust(), e.cmdPolicyTest())
	return c
}

func (e *env) cmdPolicyTest() *cobra.Command {
	return &cobra.Command{
		Use:   "test FILE",
		Short: "Judge command lines, each under its own policy",
		Long: `Judge command lines, each under its own policy.

FILE holds one JSON object a line: id, policy, context, command, optional
fixture, expect and accept. Nothing is run. Exit status 1 when a row that must
not be allowed was allowed.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			data, err := os.ReadFile(args[0])
			if err != nil {
				return &failure{code: exitUsage, err: err}
			}
			cases, err := policy.ReadExecCases(data)
			if err != nil {
				return &failure{code: exitUsage, err: fmt.Errorf("%s: %w", args[0], err)}
			}
			sum := policy.JudgeExecCases(cases)
			if e.print.json {
				if err := e.print.value(sum); err != nil {
					return err
				}
			} else {
				for _, r := range sum.Results {
					e.print.line("%-24s %-5s %s", r.ID, r.Verdict, r.Rule)
				}
				e.print.line("%d cases, %d bypasses, %d false refusals, agreement %.3f", sum.Cases, sum.Bypasses, sum.FalseRefusals, sum.Agreement)
			}
			if sum.Bypasses > 0 {
				return silent(exitFindings)
			}
			return nil
		},
	}
}

// explainFlags are the flags of policy explain.
type explainFlags struct{ agent, session, args, channel, sender, labels, config string }

func (e *env) cmdPolicyExplain() *cobra.Command {
	var f explainFlags
	c := &cobra.Command{
		Use:   "explain TOOL [ARGS…]",
		Short: "Show every layer of the decision about a call",
		Long: `Show every layer of the decision about a call.

ARGS are a command line for exec, a path for read, write and edit, an address
for web_fetch, a text for message; --args takes any call as JSON. Put -- before
ARGS that begin with a dash.

The running gateway answers for what is in force. Without one, or with
--config, the file answers; what programs execute from is then not looked at.
--sender takes what "policy can" takes for WHO.`,
		Example: `  openclaw policy explain exec --agent workbench -- git push --force
  openclaw policy explain read ~/.ssh/id_rsa --channel telegram --sender stranger
  openclaw policy explain exec --args '{"command":"git status"}' --labels untrusted`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, words []string) error { return e.policyExplain(f, words[0], words[1:]) },
	}
	c.Flags().StringVar(&f.agent, "agent", "", "agent `ID`; default: the one that answers by default")
	c.Flags().StringVar(&f.session, "session", "", "session `KEY`, for its labels; needs the gateway")
	c.Flags().StringVar(&f.args, "args", "", "the call's arguments, one JSON object")
	c.Flags().StringVar(&f.channel, "channel", "", "the sender writes on this channel")
	c.Flags().StringVar(&f.sender, "sender", "", "`WHO` asks: a class or an id; default: the operator")
	c.Flags().StringVar(&f.labels, "labels", "", "labels of the session: untrusted,private,secret or clean")
	c.Flags().StringVar(&f.config, "config", "", "`FILE` to ask instead of what is in force")
	return c
}

func (e *env) policyExplain(f explainFlags, tool string, words []string) error {
	args, err := callArguments(tool, words, f.args)
	if err != nil {
		return err
	}
	labels, given, err := labelsOf(f.labels)
	if err != nil {
		return err
	}
	p, err := e.paths()
	if err != nil {
		return usage("%w", err)
	}
	_, running := store.Holder(p.State)
	live := running && f.config == ""
	var l *configfile.Loaded
	if !live || f.sender != "" || f.channel != "" {
		if p, l, err = e.configAt(f.config); err != nil {
			return err
		}
	}
	var who *answer.Sender
	if f.sender != "" || f.channel != "" {
		w := app.Answers(p, l.Config)
		if who, err = senderOf(&w, f.channel, f.sender); err != nil {
			return err
		}
		if r := who.Admitted(); r.Verdict == policy.Deny {
			e.print.note("%s does not come in (%s%s); this is what would hold if it did", who, r.Rule, place(r.Where))
		}
	}
	if live {
		return e.explainLive(f, tool, args, who, labels, given)
	}
	if f.session != "" {
		return cannot(errors.New("the labels of a session are the gateway's to tell, and it is not running"), "name them: --labels untrusted,private")
	}
	call := app.Imagined{Agent: claw.AgentID(f.agent), Tool: claw.ToolName(tool), Args: args, Principal: claw.Principal{Surface: claw.SurfaceCLI, Standing: claw.Owner}, Labels: labels}
	if who != nil {
		call.Principal = who.Principal()
	}
	return e.printDecision(app.Imagine(e.ctx, p, l.Config, call))
}

// explainLive asks the gateway, for what is in force.
func (e *env) explainLive(f explainFlags, tool string, args json.RawMessage, who *answer.Sender, labels claw.Labels, given labelsGiven) error {
	q := struct {
		Tool      string          `json:"tool"`
		Args      json.RawMessage `json:"args"`
		Agent     string          `json:"agentId,omitempty"`
		Session   string          `json:"sessionKey,omitempty"`
		Principal *claw.Principal `json:"principal,omitempty"`
		Labels    *claw.Labels    `json:"labels,omitempty"`
	}{Tool: tool, Args: args, Agent: f.agent, Session: f.session}
	if who != nil {
		p := who.Principal()
		q.Principal = &p
	}
	if given {
		q.Labels = &labels
	}
	return e.withGateway(func(ctx context.Context, c *client) error {
		var d policy.Decision
		if err := c.call(ctx, "policy.explain", q, &d); err != nil {
			return err
		}
		return e.printDecision(d)
	})
}

// labelsGiven tells labels that were named from none.
type labelsGiven bool

// callArguments makes the arguments of a call of words, as a person says them.
func callArguments(tool string, words []string, given string) (json.RawMessage, error) {
	text := strings.Join(words, " ")
	switch {
	case given != "" && text != "":
		return nil, usage("policy explain: give ARGS or --args, not both")
	case given != "" && !json.Valid([]byte(given)):
		return nil, usage("policy explain: --args is not JSON: %s", given)
	case given != "":
		return json.RawMessage(given), nil
	case text == "":
		return json.RawMessage("{}"), nil
	}
	var m map[string]string
	switch tool {
	case "exec":
		m = map[string]string{"command": text}
	case "read":
		m = map[string]string{"path": text}
	case "write":
		m = map[string]string{"path": text, "content": "x"}
	case "edit":
		m = map[string]string{"path": text, "oldText": "x", "newText": "y"}
	case "web_fetch":
		m = map[string]string{"url": text}
	case "message":
		m = map[string]string{"message": text}
	default:
		return nil, usage("policy explain: ARGS of %q have no short form; use --args '{…}'", tool)
	}
	return json.Marshal(m)
}

// labelsOf reads a list of label names; "" gives none.
func labelsOf(text string) (l claw.Labels, given labelsGiven, err error) {
	if text == "" {
		return 0, false, nil
	}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '+' || r == ' ' }) {
		switch word {
		case "clean":
		case "untrusted":
			l |= claw.Untrusted
		case "private":
			l |= claw.Private
		case "secret":
			l |= claw.Secret
		default:
			return 0, false, usage("policy: label %q is not one of untrusted, private, secret, clean", word)
		}
	}
	return l, true, nil
}

// senderOf finds the one sender that the flags mean.
func senderOf(w *answer.World, channel, sender string) (*answer.Sender, error) {
	text := sender
	if channel != "" {
		if sender == "" {
			sender = "stranger"
		}
		text = channel + ":" + sender
	}
	who, err := w.Who(text)
	if err != nil {
		return nil, &failure{code: exitUsage, err: err}
	}
	if len(who) == 0 {
		return nil, usage("policy: %q is nobody under this configuration", text)
	}
	return &who[0], nil
}

// configAt loads the configuration of the home, or the file named; one with
// errors is refused, since what it means is not known.
func (e *env) configAt(file string) (configfile.Paths, *configfile.Loaded, error) {
	p, err := e.paths()
	if err != nil {
		return p, nil, usage("%w", err)
	}
	at := p
	if file != "" {
		if at.Config, err = filepath.Abs(file); err != nil {
			return p, nil, usage("%w", err)
		}
	}
	l, err := configfile.Load(at, configfile.Options{Env: e.lookup})
	if err == nil {
		err = l.Problems.Err()
	}
	if err == nil && file != "" && l.Absent {
		err = fmt.Errorf("config: %s: no such file", file)
	}
	if err != nil {
		hint := ""
		if file == "" {
			hint = "openclaw config validate"
		}
		return p, l, &failure{code: exitUsage, err: err, hint: hint}
	}
	return p, l, nil
}

func (e *env) printDecision(d policy.Decision) error {
	if e.print.json {
		return e.print.value(d)
	}
	e.print.line("%s: %s: %s", d.Verdict, d.Rule, d.Reason)
	if d.Hint != "" {
		e.print.line("hint: %s", d.Hint)
	}
	for _, s := range d.Trace {
		e.print.line("  %-9s %-5s %-28s %s  %s", s.Layer, s.Verdict, s.Rule, s.Reason, s.Where)
	}
	return nil
}
