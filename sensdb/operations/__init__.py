"""What needs several rooms: demo, doctor, copy, export, roles, delete (design.md 2)."""
