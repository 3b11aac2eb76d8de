package journal

import "github.com/openclaw-go/openclaw/internal/chain"

// Event names what an entry tells of. The first four are the guide's.
type Event string

// Events. All of them are always recorded: logging.audit.events adds names and
// never removes one.
const (
	AuthFailure    Event = "auth.failure"
	ExecCommand    Event = "exec.command"
	ChannelMessage Event = "channel.message"
	ToolInvoke     Event = "tool.invoke"

	AuthSuccess  Event = "auth.success"
	Decision     Event = "decision"
	Consent      Event = "consent"
	Approval     Event = "approval" // a question was put; its answer is consent
	ConfigChange Event = "config.change"
	SkillInstall Event = "skill.install"
	SkillPin     Event = "skill.pin"
	SkillRemove  Event = "skill.remove"
	SkillRefused Event = "skill.refused" // one was not installed, or no longer loads
	SecretUse    Event = "secret.use"
	SecretChange Event = "secret.change"
	Lockdown     Event = "lockdown"
	Pairing      Event = "pairing"
	SessionNew   Event = "session.new"
	LabelChange  Event = "label.change"
	ModelCall    Event = "model.call"
	Egress       Event = "egress.request"
	GatewayStart Event = "gateway.start"
	GatewayStop  Event = "gateway.stop"
	Exposed      Event = "gateway.expose" // other addresses were opened for a time, or closed again
	Security     Event = "security.audit"
	// MachineChange: an operator has openclaw change the machine around it, its
	// firewall for example. It is written before.
	MachineChange Event = "machine.change"

	// WitnessContradicts: who keeps checkpoints outside has seen something else
	// than what lies here. WitnessSilent: they have not answered for long.
	WitnessContradicts Event = "witness.contradicts"
	WitnessSilent      Event = "witness.silent"

	// StateWrite tells of a file that must not go back to an older content
	// unseen; KeepState writes it.
	StateWrite Event = "state.write"

	// PostureSeal holds the last accepted posture; SealPosture writes it.
	PostureSeal Event = "posture.seal"
	// Summary counts what a stranger caused and was not written one by one.
	Summary Event = "failure.summary"

	// The journal's own.
	EventCheckpoint       = Event(chain.EventCheckpoint)
	EventDrop             = Event(chain.EventDrop)
	EventOpen       Event = "journal.open"
	EventClose      Event = "journal.close"
	EventRepair     Event = "journal.repair"
	EventClock      Event = "clock.jump"
)

func (e Event) name() chain.Event { return chain.Event(e) }

// urgent entries may use the space that is kept back for a full disk: they
// make things stricter or say why nothing happens.
func (e Event) urgent() bool {
	return e == Lockdown || e == GatewayStop || e == EventClose
}
