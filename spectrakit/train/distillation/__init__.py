"""Knowledge distillation: any teachers, small students for MS/MS, one bundle for the bench.

``distil(job, teachers, options, card=...)`` is what a plugin's ``distill`` action calls.
"""

from spectrakit.train.distillation.distilling import distil
from spectrakit.train.distillation.options import StudentOptions
from spectrakit.train.distillation.teachers import BundleTeacher, Teacher
from spectrakit.train.distillation.writing import Card

__all__ = ["BundleTeacher", "Card", "StudentOptions", "Teacher", "distil"]
