package posture

import (
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/standing"
)

// ApprovalsFile names the document of standing answers beside the
// configuration.
const ApprovalsFile = "exec-approvals.json"

// Strictest are exec rules under what the document of approvals says of the
// agent besides: of both, the stricter word holds.
func Strictest(r policy.ExecRules, agent claw.AgentID, l standing.Limits) policy.ExecRules {
	where := func(key string) claw.ConfigRef {
		return claw.ConfigRef{File: ApprovalsFile, Pointer: "agents." + string(agent) + "." + key}
	}
	if l.Security != "" {
		word, ok := map[string]config.ExecSecurity{"deny": config.ExecDeny, "allowlist": config.ExecAllowlist, "full": config.ExecFull}[l.Security]
		s := policy.ExecDeny
		if ok {
			s = execSecurity(word)
		}
		if s < r.Security {
			r.Security, r.SecurityRef = s, where("security")
		}
	}
	if l.Ask != "" {
		word, ok := map[string]config.ExecAsk{"off": config.AskOff, "on-miss": config.AskOnMiss, "always": config.AskAlways}[l.Ask]
		a := policy.AskAlways
		if ok {
			a = execAsk(word)
		}
		if a < r.Ask {
			r.Ask, r.AskRef = a, where("ask")
		}
	}
	return r
}

// Unreadable are exec rules while the document of approvals cannot be used:
// nobody can say what it forbids.
func Unreadable(r policy.ExecRules) policy.ExecRules {
	r.Security, r.SecurityRef, r.Standing = policy.ExecDeny, claw.ConfigRef{File: ApprovalsFile}, nil
	return r
}
