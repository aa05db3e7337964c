"""The console: the staff's side. Who may see and do what is one table (`staff.PERMISSIONS`); each route names the
permission it needs, and a test walks over all of them.
"""
