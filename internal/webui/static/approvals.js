// approvals
