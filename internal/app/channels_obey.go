package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/approval"
	"github.com/openclaw-go/openclaw/internal/channel"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/filter"
	"github.com/openclaw-go/openclaw/internal/inbox"
)

// compactLimit is how long a model may take over a summary.
const compactLimit = 10 * time.Minute

// obey carries out what an owner typed to the gateway itself. Nothing here
// loosens a rule.
func (c *channels) obey(ctx context.Context, cmd inbox.Command) string {
	switch cmd.Name {
	case "approve", "deny":
		return c.answer(cmd)
	case "status":
		return c.statusText(cmd)
	case "stop":
		ended, err := c.app.surface.Abort(ctx, cmd.Session, "", cmd.By)
		if err != nil {
			return failed(err)
		}
		return fmt.Sprintf("Stopped: %d.", len(ended))
	case "new", "reset":
		if _, err := c.app.sessions.Reset(ctx, cmd.Session, "by /"+cmd.Name, cmd.By); err != nil {
			return failed(err)
		}
		return "A new conversation begins. The old transcript is kept aside."
	case "compact":
		return c.compact(cmd)
	case "why":
		return c.why(cmd)
	case "audit":
		c.app.wg.Go(func() {
			r, err := c.app.Audit()
			if err != nil {
				c.tell(cmd, failed(err))
				return
			}
			c.tell(cmd, AuditLine(r)+"\nDetails: openclaw security audit")
		})
		return ""
	case "lockdown":
		c.app.wg.Go(func() {
			var left []string
			for _, i := range c.app.locks.Lock(ctx, "/lockdown in "+string(cmd.By.Channel), cmd.By).Items {
				if !i.Done {
					left = append(left, i.What+": "+i.Detail)
				}
			}
			if len(left) > 0 {
				c.app.log.Error("the lockdown left something", "items", left)
			}
		})
		return "Everything is being stopped. This chat is closed with it; on the host: openclaw lockdown status."
	case "help":
		return "/lockdown /status /stop /new /compact /why /audit /approve ID /deny ID. Anything else goes to the agent."
	}
	return ""
}

func failed(err error) string { return "This did not work: " + filter.Visible(err.Error()) }

// tell answers a command later, where it was given.
func (c *channels) tell(cmd inbox.Command, text string) {
	c.sayTo(cmd.By, channel.Target(cmd.To), text)
}

// answer takes /approve ID [allow-once|deny] and /deny ID. In a chat a call is
// allowed once and never for longer (R22).
func (c *channels) answer(cmd inbox.Command) string {
	if len(cmd.Args) == 0 || len(cmd.Args) > 2 || cmd.Name == "deny" && len(cmd.Args) > 1 {
		return "/approve ID, or /deny ID"
	}
	decision := approval.AllowOnce
	if cmd.Name == "deny" {
		decision = approval.DenyIt
	}
	if len(cmd.Args) == 2 {
		switch cmd.Args[1] {
		case approval.AllowOnce, "once":
		case approval.DenyIt:
			decision = approval.DenyIt
		case approval.AllowAlways, "always":
			return "In a chat a call is allowed once. For longer use the Control UI, or: openclaw approvals approve " + filter.Visible(cmd.Args[0]) + " --scope always"
		default: // words of a person
			return "/approve ID, or /deny ID"
		}
	}
	return c.courier.Reply(cmd.By, claw.ApprovalID(cmd.Args[0]), decision)
}

func (c *channels) statusText(cmd inbox.Command) string {
	var b strings.Builder
	state := "idle"
	if _, ok := c.app.engine.Running()[cmd.Session]; ok {
		state = "working"
	}
	fmt.Fprintf(&b, "Agent %s, session %s: %s.\n", cmd.Agent, cmd.Session, state)
	if l := c.labels(cmd.Session); l != 0 {
		fmt.Fprintf(&b, "The session holds %s text.\n", l)
	}
	n := 0
	for _, v := range c.app.desk.Waiting() {
		if n++; n <= 5 {
			fmt.Fprintf(&b, "Waits for you: %s (%s)\n", filter.Visible(v.Headline), v.ID)
		}
	}
	if n > 5 {
		fmt.Fprintf(&b, "and %d more.\n", n-5)
	}
	if why := c.app.posture.notInForce(); why != "" {
		fmt.Fprintf(&b, "Configuration: %s.\n", why)
	}
	return strings.TrimRight(b.String(), "\n")
}

func (c *channels) compact(cmd inbox.Command) string {
	c.app.wg.Go(func() {
		ctx, cancel := context.WithTimeout(c.app.life, compactLimit)
		defer cancel()
		out, err := c.app.sessions.Compact(ctx, cmd.Session, cmd.By)
		switch {
		case err != nil:
			c.tell(cmd, failed(err))
		case !out.Compacted:
			c.tell(cmd, "Nothing to shorten: "+out.Reason+".")
		default:
			c.tell(cmd, fmt.Sprintf("Shortened: about %d tokens, before %d.", out.TokensAfter, out.TokensBefore))
		}
	})
	return ""
}

// why says where the labels of a conversation come from.
func (c *channels) why(cmd inbox.Command) string {
	labels, lineage, err := c.app.sessions.Labels(cmd.Session)
	if err != nil {
		return failed(err)
	}
	if labels == 0 {
		return "This session holds nothing from outside and nothing private."
	}
	var b strings.Builder
	for i, l := range lineage {
		if i == 10 {
			fmt.Fprintf(&b, "and %d more.", len(lineage)-i)
			break
		}
		fmt.Fprintf(&b, "%s from %s, %s\n", l.Label, filter.Visible(l.From), l.Time.Local().Format("2006-01-02 15:04"))
	}
	return strings.TrimRight(b.String(), "\n")
}
