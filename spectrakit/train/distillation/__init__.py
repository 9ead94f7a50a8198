"""Knowledge distillation: any teachers, small students for MS/MS, one bundle for the bench.

What a plugin's ``distill`` action needs: ``options.StudentOptions`` as the base of its own
options (it loads no torch), ``teachers.Teacher`` for a teacher of its own, and
``distilling.distil(job, teachers, options, card=writing.Card(...))``.
"""
